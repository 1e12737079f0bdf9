"""Restores: a service's config becomes what a snapshot has of it, whole, or stays what it is.

What is to be restored is first taken out of the repository beside the present tree and verified to
the last file (extract); only then a service is stopped, for as long as it takes to exchange two
names (swap), and the old tree is kept until the service is well. transaction decides and is pure;
run drives it through a house, which is the host's Docker and file system (host) or a simulation.
"""
