"""From the network: verified, resumed transfers, safe unpacking, images one by one."""
