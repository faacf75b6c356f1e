"""`orefine serve`: a Prefect server, a worker, and the deployments of a `serve.yaml`."""
