resource "google_container_cluster" "wordbrush" {
  name                = "wordbrush"
  location            = var.zone
  deletion_protection = var.protected

  # Dataplane V2 enforces network policies.
  datapath_provider = "ADVANCED_DATAPATH"

  release_channel {
    channel = "REGULAR"
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  # Costs by namespace and label in the billing export.
  cost_management_config {
    enabled = true
  }

  # Node pools are resources of their own; a cluster cannot be made without one.
  remove_default_node_pool = true
  initial_node_count       = 1
  node_config {
    service_account = google_service_account.nodes.email
  }

  resource_labels = local.labels

  lifecycle {
    ignore_changes = [node_config]
  }

  depends_on = [google_project_service.api, google_project_iam_member.nodes]
}

# Kubeflow, Kueue and Prometheus: on demand, and without a taint, so that nothing of the system wants
# a node of runs. With `awake = false` it sleeps.
resource "google_container_node_pool" "system" {
  name       = "system"
  cluster    = google_container_cluster.wordbrush.id
  node_count = var.awake ? var.system_nodes : 0

  node_config {
    machine_type    = "e2-standard-4"
    disk_type       = "pd-balanced"
    disk_size_gb    = 100
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = local.labels

    gcfs_config {
      enabled = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }
}
