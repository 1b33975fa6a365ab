"""ClusterDeploymentManager: the leader's loop."""
