#!version:1.0.0.1
include:config y000000000028.cfg
include:config <http://192.0.2.80/001565000001.xml>
account.1.enable = 1
overwrite_mode = 1
