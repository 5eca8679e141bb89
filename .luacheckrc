-- Globals of each kind of Lua file; see docs of the plugin interface.
std = "lua54"
max_line_length = 160
files["plugins"] = { read_globals = { "cx" } }
files["plugins/**/tests"] = {
	read_globals = { "test", "config", "at", "advance", "send", "refused", "expect" } }
files["scripts"] = { read_globals = { "cx" } }
files["tests/bench/plugins"] = { read_globals = { "cx" } }
files["tests/plugins"] = { read_globals = { "cx" } }
files["tests/plugins/**/tests"] = {
	read_globals = { "test", "config", "at", "advance", "send", "refused", "expect" } }
