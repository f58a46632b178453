output "settings" {
  description = "The content of k8s/overlays/gke/settings.env."
  value       = <<-EOT
    bucket=${google_storage_bucket.runs.name}
    nodes=${google_service_account.nodes.email}
  EOT
}

output "registry" {
  description = "Where images go."
  value       = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "github_provider" {
  description = "The variable WORKLOAD_IDENTITY_PROVIDER of the GitHub repository."
  value       = one(values(google_iam_workload_identity_pool_provider.github)[*].name)
}

output "github_user" {
  description = "The workflow, as the cluster's RBAC names it."
  value       = one(values(local.ci))
}
