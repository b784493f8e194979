"""The chapter that sets the published figures beside ours."""
