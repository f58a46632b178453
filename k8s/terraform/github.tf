# .github/workflows/release.yml: the workflow of one repository, on its branch main, pushes images and
# reaches the cluster. It has no key: GitHub's token is exchanged for Google's.

locals {
  github = var.github_repository == null ? [] : [var.github_repository]

  # The identity of that workflow, as IAM and the cluster's RBAC name it.
  ci = {
    for repository in local.github :
    repository => "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github[repository].name}/subject/repo:${repository}:ref:refs/heads/main"
  }
}

resource "google_iam_workload_identity_pool" "github" {
  for_each = toset(local.github)

  workload_identity_pool_id = "wordbrush-github"
  depends_on                = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  for_each = toset(local.github)

  workload_identity_pool_id          = google_iam_workload_identity_pool.github[each.key].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }
  attribute_condition                = "assertion.repository == '${each.key}' && assertion.ref == 'refs/heads/main'"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_artifact_registry_repository_iam_member" "ci" {
  for_each = local.ci

  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = each.value
}

# To find the cluster. What it may do there, k8s/uploads.yaml says.
resource "google_project_iam_member" "ci" {
  for_each = local.ci

  project = var.project
  role    = "roles/container.clusterViewer"
  member  = each.value
}
