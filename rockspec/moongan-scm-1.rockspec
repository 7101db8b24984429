rockspec_format = "3.0"
package = "moongan"
version = "scm-1"
source = { url = "git+https://github.com/moongan/moongan.git" }
description = {
  summary = "Generative adversarial networks in Lua, on a fast C core",
  detailed = [[
    Tensors, automatic differentiation of any order, layers, losses, optimizers and data sets as
    userdata on a C core, and on top of them the GAN family of 2014 to 2017: GAN, CGAN, DCGAN, WGAN
    and WGAN-GP, each experiment a short Lua script.]],
  license = "MIT",
}
dependencies = { "lua >= 5.4, < 5.6" }
external_dependencies = {
  OPENBLAS = { library = "openblas" },
  PNG = { header = "png.h", library = "png" },
}
local sources = {
}
local libraries = { "openblas", "png", "z", "m", "pthread" }
local include_folders = { "$(OPENBLAS_INCDIR)", "$(PNG_INCDIR)" }
local library_folders = { "$(OPENBLAS_LIBDIR)", "$(PNG_LIBDIR)" }
build = {
  type = "builtin",
  modules = {
    ["moongan.core"] = {
      sources = sources, libraries = libraries, incdirs = include_folders, libdirs = library_folders,
    },
    ["moongan.core64"] = {
      sources = sources, libraries = libraries, incdirs = include_folders, libdirs = library_folders,
      defines = { "MG_DOUBLE" },
    },
  },
}
test = { type = "command", command = "busted" }
