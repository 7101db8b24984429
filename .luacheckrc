std = "lua54"
max_line_length = 120
exclude_files = { "build", "moongan", "runs" }
files["spec"] = { std = "+busted" }
files[".busted"] = { std = "lua54" }
files["rockspec"] = { std = "rockspec" }
