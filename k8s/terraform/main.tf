# What docs/cluster.md needs of Google Cloud: APIs, a bucket, an image registry, a cluster and its
# nodes. What runs inside the cluster is in the other folders of k8s/.

locals {
  labels = {
    app         = "wordbrush"
    environment = var.environment
  }

  apis = [
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containerfilesystem.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
  ]
}

data "google_project" "this" {}

resource "google_project_service" "api" {
  for_each = toset(local.apis)

  service            = each.key
  disable_on_destroy = false
}
