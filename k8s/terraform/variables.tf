# dev.tfvars and prod.tfvars have the values of two environments, each of its own Google Cloud
# project. What you set goes there, not onto the command line: an `apply` without it would undo it.

variable "project" {
  description = "The Google Cloud project."
  type        = string
}

variable "environment" {
  description = "The label `environment` of everything that costs money."
  type        = string
}

variable "region" {
  description = "Of the bucket and the image registry."
  type        = string
  default     = "us-central1"
}

variable "zone" {
  description = "Of the cluster and its on-demand nodes."
  type        = string
  default     = "us-central1-a"
}

variable "spot_zones" {
  description = "Zones of the region in which spot nodes may be. More zones: more often one has some."
  type        = list(string)
  default     = ["us-central1-a", "us-central1-b", "us-central1-c"]
}

variable "awake" {
  description = "false: no node runs, and only the cluster's fee is left. Volumes keep their data."
  type        = bool
  default     = true
}

variable "system_nodes" {
  description = "Nodes that run Kubeflow, Kueue and Prometheus."
  type        = number
}

variable "protected" {
  description = "Whether Terraform refuses to delete the cluster."
  type        = bool
}

variable "soft_delete_days" {
  description = "Days for which deleted objects of the bucket can be restored, and cost money."
  type        = number
}

variable "billing_account" {
  description = "The billing account of the budget alert, as 000000-000000-000000; null: no alert."
  type        = string
  default     = null
}

variable "monthly_budget" {
  description = "In the billing account's currency."
  type        = number
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose workflow may push images; null: none may."
  type        = string
  default     = null
}
