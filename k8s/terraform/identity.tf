# Who may do what. Nodes pull images and write logs; the pods of a run use the bucket.

resource "google_service_account" "nodes" {
  account_id   = "wordbrush-nodes"
  display_name = "Wordbrush: nodes"

  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}

# Kubernetes service accounts of the namespace `kubeflow` themselves: there is no Google service account
# to act as, and no key. `wordbrush` is that of a run's pods (k8s/base). Kubeflow's UI shows the pages
# that runs leave in the bucket. The pool of identities exists once a cluster has it.
locals {
  bucket_roles = {
    wordbrush      = "roles/storage.objectUser"
    ml-pipeline-ui = "roles/storage.objectViewer"
  }
}

resource "google_storage_bucket_iam_member" "account" {
  for_each = local.bucket_roles

  bucket = google_storage_bucket.runs.name
  role   = each.value
  member = "principal://iam.googleapis.com/projects/${data.google_project.this.number}/locations/global/workloadIdentityPools/${var.project}.svc.id.goog/subject/ns/kubeflow/sa/${each.key}"

  depends_on = [google_container_cluster.wordbrush]
}
