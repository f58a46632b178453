environment      = "prod"
system_nodes     = 2
protected        = true
soft_delete_days = 30
monthly_budget   = 500
