"""x"""
def check(history, settings):
    return []
