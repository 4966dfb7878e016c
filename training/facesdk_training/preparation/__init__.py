"""``facesdk data prepare``: photos of people become shards of aligned crops. No TensorFlow needed
before the shards are written, so that worker processes start quickly.
"""
