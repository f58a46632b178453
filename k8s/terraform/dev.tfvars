environment      = "dev"
system_nodes     = 2
protected        = false
soft_delete_days = 7
monthly_budget   = 100
