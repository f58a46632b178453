resource "google_storage_bucket" "runs" {
  name                        = "${var.project}-wordbrush"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  # A stage that runs writes its checkpoint anew all the time: an old one belongs to nobody. Nothing
  # else is deleted: DVC's objects are shared by all runs, and KFP's cache answers with the locks
  # that lie among the pages.
  lifecycle_rule {
    condition {
      age            = 30
      matches_prefix = ["checkpoints/"]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "wordbrush"
  location      = var.region
  format        = "DOCKER"

  # An image has some 6 GB. A schedule keeps the image of its day: create it again within half a
  # year, or within ten images.
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "15552000s" # 180 days
    }
  }

  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  depends_on = [google_project_service.api]
}
