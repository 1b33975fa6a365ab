"""NodeDeploymentManager: carries the leader's wishes out on this node."""
