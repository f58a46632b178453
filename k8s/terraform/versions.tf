# `terraform init` writes .terraform.lock.hcl with the providers' hashes.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.7.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # Who applies this may use the APIs of this project, as budgets require.
  billing_project       = var.project
  user_project_override = true

  default_labels = local.labels
}
