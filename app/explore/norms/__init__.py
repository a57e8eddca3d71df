"""The figure Norms: how long the tokens' vectors are, in each layer and on the patch grid."""
