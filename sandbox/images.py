def ensure():
    return {}
