"""Whether outlets whose stances are known part as the literature says."""
