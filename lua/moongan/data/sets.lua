--- The data sets known by name: what their files are called, where they may be, where they come
-- from.
--
-- The SHA-256 sums of the IDX files are those of their contents, decompressed: the same data are
-- served compressed in different ways (the originals, Debian's package), and the contents are what
-- counts.  An archive's is that of the file itself (`packed`).

local sets = {}

local TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
local TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

local splits = {
  train = { images = TRAIN_IMAGES, labels = TRAIN_LABELS },
  test = { images = TEST_IMAGES, labels = TEST_LABELS },
}

sets.mnist = {
  name = "mnist",
  title = "MNIST",
  splits = splits,
  folders = { "mnist", "MNIST" }, -- names that a folder of it goes by, the first being ours
  system_folders = {},
  classes = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" },
  mirrors = {
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
  },
  sha256 = {
    [TRAIN_IMAGES] = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    [TRAIN_LABELS] = "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    [TEST_IMAGES] = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    [TEST_LABELS] = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  },
}

sets.fashion_mnist = {
  name = "fashion_mnist",
  title = "Fashion-MNIST",
  splits = splits,
  folders = { "fashion-mnist", "fashion_mnist", "FashionMNIST" },
  system_folders = { "/usr/share/datasets/fashion-mnist" },
  package = "dataset-fashion-mnist",
  classes = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
  },
  mirrors = {
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
  },
  sha256 = {
    [TRAIN_IMAGES] = "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    [TRAIN_LABELS] = "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    [TEST_IMAGES] = "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    [TEST_LABELS] = "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
  },
}

sets.cifar10 = {
  name = "cifar10",
  title = "CIFAR-10",
  splits = {
    train = { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin" },
    test = { "test_batch.bin" },
  },
  archive = "cifar-10-binary.tar.gz", -- which holds all of them
  records = 10000,                    -- in each
  folders = { "cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin" },
  system_folders = {},
  unmistakable = true, -- no other set's files are called so: they may lie in a folder of all data
  classes = { "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck" },
  mirrors = { "https://www.cs.toronto.edu/~kriz/" },
  packed = true,
  sha256 = { ["cifar-10-binary.tar.gz"] = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd" },
}

return sets
