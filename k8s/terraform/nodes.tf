# The nodes of runs. They come when a pod waits for one, and go when none needs them. Labels and
# taints are those of k8s/pools.yaml and of the flavors in k8s/components/queues, and the numbers of
# nodes those of the queue; tests compare them. Each pool has a taint, so that no other pod can keep
# its nodes awake.

locals {
  node_pools = {
    gpu-spot = {
      machine_type = "g2-standard-8"
      accelerator  = { type = "nvidia-l4", count = 1 }
      disk_gb      = 200
      spot         = true
      max_nodes    = 4
      labels       = { "wordbrush/pool" = "gpu", "wordbrush/capacity" = "spot" }
      taints       = { "nvidia.com/gpu" = "present", "cloud.google.com/gke-spot" = "true" }
    }
    gpu = {
      machine_type = "g2-standard-8"
      accelerator  = { type = "nvidia-l4", count = 1 }
      disk_gb      = 200
      spot         = false
      max_nodes    = 1
      labels       = { "wordbrush/pool" = "gpu", "wordbrush/capacity" = "on-demand" }
      taints       = { "nvidia.com/gpu" = "present" }
    }
    cpu-spot = {
      machine_type = "e2-standard-8"
      accelerator  = null
      disk_gb      = 100
      spot         = true
      max_nodes    = 4
      labels       = { "wordbrush/pool" = "cpu", "wordbrush/capacity" = "spot" }
      taints       = { "wordbrush/pool" = "cpu", "cloud.google.com/gke-spot" = "true" }
    }
    cpu = {
      machine_type = "e2-standard-8"
      accelerator  = null
      disk_gb      = 100
      spot         = false
      max_nodes    = 1
      labels       = { "wordbrush/pool" = "cpu", "wordbrush/capacity" = "on-demand" }
      taints       = { "wordbrush/pool" = "cpu" }
    }
  }
}

resource "google_container_node_pool" "runs" {
  for_each = local.node_pools

  name               = each.key
  cluster            = google_container_cluster.wordbrush.id
  node_locations     = each.value.spot ? var.spot_zones : [var.zone]
  initial_node_count = 0

  # Limits of all zones together; max_node_count would count in each zone.
  autoscaling {
    total_min_node_count = 0
    total_max_node_count = each.value.max_nodes
    location_policy      = "ANY"
  }

  node_config {
    machine_type    = each.value.machine_type
    spot            = each.value.spot
    disk_type       = "pd-balanced"
    disk_size_gb    = each.value.disk_gb
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    labels          = each.value.labels
    resource_labels = local.labels

    dynamic "taint" {
      for_each = each.value.taints
      content {
        key    = taint.key
        value  = taint.value
        effect = "NO_SCHEDULE"
      }
    }

    dynamic "guest_accelerator" {
      for_each = each.value.accelerator[*]
      content {
        type  = guest_accelerator.value.type
        count = guest_accelerator.value.count
        gpu_driver_installation_config {
          gpu_driver_version = "LATEST"
        }
      }
    }

    gcfs_config {
      enabled = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  # It is the number of the first nodes; the autoscaler changes it.
  lifecycle {
    ignore_changes = [initial_node_count]
  }
}
