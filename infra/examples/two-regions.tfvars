# Beside prod.tfvars: the API from two regions, data in a multi-region. A bucket, a database and a key keep
# their places for ever, so this is chosen before the first apply, or takes a move of the data.
other_regions = ["europe-west1"]
locations = {
  data     = "EU"
  database = "eur3"
  keys     = "europe"
}
