"""Quality on a gold file: the model beside the baselines it has to beat, one scorer for all."""
