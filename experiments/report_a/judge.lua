--- How good are a generator's digits?  Losses do not say, so a classifier and some counting do.
--
-- A fully connected classifier is trained on the data set once.  Of 2500 samples of a generator it gives
--   sure      share whose likeliest class has a probability of at least 0.9: the others are damaged, or no digits
--   classes   how many of the ten are made: exp of the entropy of the classes' mean probabilities
--   score     the inception score's formula (Salimans et al. 2016) with this classifier: 1 to 10
--   asked     conditional generators: share that is of the class asked for
-- and of the first 500, pixels over one half being ink,
--   strokes   connected pieces of ink (8 neighbours) in an image: broken strokes raise it
--   haze      mean brightness, in percent, of the pixels that are more than two pixels away from ink
-- None of them is the FID of Heusel et al. 2017, nor to be compared with figures of other classifiers.

local mg = require "moongan"
local parts = require "moongan.experiment.parts"
local nn = mg.nn

local judge = {}

local SAMPLES, LOOKED_AT, EPOCHS = 2500, 500, 5

local function network()
  return nn.Sequential{
    nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.3), nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.3),
    nn.Linear(256, 10),
  }
end

local function open_data(o, split)
  local entry = parts.normal("data", o.data)
  entry.split, entry.range = split, { 0, 1 }
  return parts.data(entry)
end

local function train(classifier, data)
  local optimizer = mg.optim.Adam(classifier:parameters(), { lr = 1e-3 })
  local loss = mg.loss.CrossEntropyLoss()
  local batches = data:batches(100, { seed = 1 })
  for _ = 1, EPOCHS do
    for _, images, labels in batches:epoch() do
      optimizer:zero_grad()
      loss(classifier(images), labels):backward()
      optimizer:step()
    end
  end
end

local function probabilities(images)
  return mg.no_grad(function() return judge.classifier(images):softmax(2) end)
end

-- The classifier is kept beside the runs.
local function prepare(o)
  if judge.classifier then return end
  local path = o.out .. "/classifier.safetensors"
  mg.manual_seed(1)
  judge.classifier = network()
  if mg.file.exists(path) == "file" then
    judge.classifier:load_state_dict((mg.safetensors.load(path)))
  else
    print("Training the classifier that judges samples")
    train(judge.classifier, open_data(o, "train"))
    mg.safetensors.save(path, judge.classifier:state_dict())
  end
  judge.classifier:eval()
end

-- ---- counting --------------------------------------------------------------------------------

local SIDE = 28

-- The pixels of an image as a list by row, with a frame of zeros two pixels wide.
local WIDE = SIDE + 4

local function framed(pixels)
  local list = {}
  for i = 1, WIDE * WIDE do list[i] = 0 end
  for i, value in ipairs(pixels) do
    i = i - 1
    list[(i // SIDE + 2) * WIDE + i % SIDE + 3] = value
  end
  return list
end

local AROUND = { -WIDE - 1, -WIDE, -WIDE + 1, -1, 1, WIDE - 1, WIDE, WIDE + 1 }

local function count_strokes(list)
  local seen, count = {}, 0
  for start, value in ipairs(list) do
    if value > 0.5 and not seen[start] then
      local stack = { start }
      seen[start], count = true, count + 1
      while #stack > 0 do
        local at = table.remove(stack)
        for _, step in ipairs(AROUND) do
          local next_one = at + step
          if list[next_one] > 0.5 and not seen[next_one] then
            seen[next_one] = true
            stack[#stack + 1] = next_one
          end
        end
      end
    end
  end
  return count
end

-- The sum and the number of the pixels far from ink.
local function far_from_ink(list)
  local near, sum, count = {}, 0, 0
  for at, value in ipairs(list) do
    if value > 0.5 then
      for dy = -2, 2 do
        for dx = -2, 2 do near[at + dy * WIDE + dx] = true end
      end
    end
  end
  for y = 2, SIDE + 1 do
    for x = 3, SIDE + 2 do
      local at = y * WIDE + x
      if not near[at] then sum, count = sum + list[at], count + 1 end
    end
  end
  return sum, count
end

--- Mean number of strokes of images (n, 784), and their haze in percent.
function judge.count(images)
  local strokes, haze, far, list = 0, 0, 0, images:totable()
  for _, pixels in ipairs(list) do
    local image = framed(pixels)
    local sum, count = far_from_ink(image)
    strokes, haze, far = strokes + count_strokes(image), haze + sum, far + count
  end
  return strokes / #list, 100 * haze / far
end

-- ---- judging ---------------------------------------------------------------------------------

local function entropy(p) return -(p * (p + 1e-12):log()):sum(p:dim()) end

-- @param images  (n, 784) in [0, 1]
-- @param asked   their class numbers, or nil
local function look_at(images, asked)
  local p = probabilities(images)
  local marginal = entropy(p:mean(1)):item()
  local result = {
    sure = p:max(2):ge(0.9):mean():item(), classes = math.exp(marginal),
    score = math.exp(marginal - entropy(p):mean():item()),
    asked = asked and p:argmax(2):eq(asked):mean():item() or nil,
  }
  result.strokes, result.haze = judge.count(images:narrow(1, 1, math.min(LOOKED_AT, images:size(1))))
  return result
end

--- Judge the generator that a run ended with, always by the same noise.
-- @return { sure =, classes =, score =, strokes =, haze =, asked = }
function judge.run(folder, o)
  prepare(o)
  local opened = mg.run.open(folder, { data = false })
  mg.manual_seed(2014)
  local noise, labels = opened.trainer.noise(SAMPLES), nil
  if opened.config.conditional then
    local list = {}
    for i = 1, SAMPLES do list[i] = (i - 1) % 10 + 1 end
    labels = mg.tensor(list)
  end
  return look_at(opened:sample(noise, labels), labels)
end

--- The same of photographs: what a perfect generator would get.
function judge.real(o)
  prepare(o)
  local data = open_data(o, "test")
  local count = math.min(SAMPLES, #data)
  return look_at(data:images(1, count), data:labels(1, count))
end

return judge
