"""Quality per engine and precision, agreement with the fp32 reference, and error per outlet."""
