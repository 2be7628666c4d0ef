#!version:1.0.0.1
# The common file, then that of the phone.
include:config <y000000000028.cfg>
[T46S,T23G]include:config "http://192.0.2.80/models.cfg"
include:config <001565000001.cfg>
overwrite_mode = 1
