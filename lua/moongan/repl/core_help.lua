--- What help says about functions of the core that describe themselves nowhere else (operations and layers do, in
-- mg.ops() and mg.layers()): a line for each, "NAME(ARGUMENTS): what it does", the name being the key.

-- luacheck: no max line length
local TEXT = [==[
mg.abs(x): |x|
mg.all_finite(t): whether no element is NaN or infinite
mg.arange(n), mg.arange(start, stop [, step]): 0, 1, .. n - 1; or from start on, stop excluded
mg.bernoulli(p, shape..), mg.bernoulli(probabilities): 1 with probability p, else 0
mg.build(): what the core was built with and runs on: { real =, simd =, blas =, jpeg =, .. }
mg.clock(): seconds that only go forward, from some moment on
mg.clone(x): a tensor of its own with the same numbers; derivatives pass through
mg.compose(name, inputs, ..): the plain composition of a fused operation, for checks
mg.detach(x): the same numbers, apart from the graph of derivatives
mg.enable_grad(f, ..): f(..) with operations recorded, within no_grad too
mg.eye(n [, m]): ones on the diagonal of an n x m matrix
mg.first_nonfinite(list): the place of the first tensor in a list that has a NaN or infinite element
mg.flatten(x, first = 1, last = -1): dimensions first to last as one
mg.full({ sizes.. }, value): a tensor of one value
mg.full_like(t, value): of t's shape, all one value
mg.get_rng_state(): the state of the random numbers, { seed =, offset = }
mg.grad(output, inputs [, { create_graph =, retain_graph =, grad_output = }]): the list of derivatives of output with respect to each of the tensors in the list
mg.is_recording(): whether operations are recorded for derivatives
mg.is_tensor(value): whether it is a tensor
mg.layers(): the layers of mg.nn, a list of { name =, doc = }
mg.linspace(start, stop, n): n numbers at equal distances, both ends included
mg.log_sigmoid(x): log(1 / (1 + e^-x)), without overflow
mg.logsumexp(x [, dim [, keepdim]]): log of the sum of e^x, without overflow
mg.manual_seed(seed): start the random numbers over from any whole number
mg.max(x [, dim [, keepdim]]): the largest of all; or along a dimension the largest and their places, from 1 on
mg.max_pool2d(x, size [, stride]): the largest of each window of images (N, H, W, C)
mg.memory([restart]): bytes and counts of the core's memory: { live_bytes =, cached_bytes =, peak_bytes =, live_tensors =, .. }; with true the peak starts over
mg.min(x [, dim [, keepdim]]): the smallest of all; or along a dimension the smallest and their places
mg.neg(x): -x
mg.no_grad(f, ..): f(..) without recording for derivatives: faster, less memory
mg.norm(x [, dim [, keepdim [, eps]]]): sqrt(sum of x^2 + eps)
mg.ones(sizes..): a tensor of ones
mg.ones_like(t): ones of t's shape
mg.ops(): the operations, a list of { name =, signature =, differentiable =, fused =, doc = }
mg.philox(counter, key): the four words that Philox 4x32-10 makes of four and two
mg.pixel_shuffle(x, factor): channels to pixels: (N, H, W, C) to (N, factor H, factor W, C / factor^2)
mg.pow(x, y): x^y, either of them a number or a tensor
mg.rand(sizes..): uniform numbers in [0, 1)
mg.rand_like(t): uniform numbers in [0, 1) of t's shape
mg.randint(low, high, sizes..): whole numbers from low to high, both included
mg.randn(sizes..): normal numbers, mean 0 and standard deviation 1
mg.randn_like(t): normal numbers of t's shape
mg.randperm(n): 1 to n in random order
mg.select(x, dim, index): one position of a dimension, which is dropped
mg.selu(x): the self-normalising ELU
mg.set_rng_state(state): go on with the random numbers from a state of get_rng_state
mg.set_threads(n): compute with n threads; the results are the same bits
mg.squeeze(x [, dim]): without dimension dim, whose size is 1; without dim, without all such
mg.stack(list, dim = 1): tensors of one shape side by side along a new dimension
mg.std(x [, dim [, keepdim [, { unbiased = true }]]]): standard deviation
mg.t(x): the transposed matrix
mg.tensor(numbers [, { requires_grad = false }]): a tensor of a number or of nested tables of numbers
mg.threads(): how many threads compute
mg.transpose(x, a, b): two dimensions exchanged
mg.unsqueeze(x, dim): a new dimension of size 1
mg.upsample(x, factor [, mode]): enlarged images (N, H, W, C)
mg.var(x [, dim [, keepdim [, { unbiased = true }]]]): variance
mg.zeros(sizes..): a tensor of zeros
mg.zeros_like(t): zeros of t's shape
tensor:add_(y): x = x + y in place, y a number or a tensor that broadcasts
tensor:sub_(y): x = x - y in place
tensor:mul_(y): x = x y in place
tensor:div_(y): x = x / y in place
tensor:fill_(value): all elements become one value
tensor:zero_(): all elements become 0
tensor:copy_(y): all elements become y's
tensor:clamp_(low, high): limit all elements in place
tensor:normal_(mean = 0, std = 1): draw all elements anew, normal
tensor:uniform_(low = 0, high = 1): draw all elements anew, uniform in [low, high)
tensor:bernoulli_(p = 0.5): draw all elements anew, 1 with probability p, else 0
tensor:backward{ create_graph =, retain_graph =, inputs =, gradient = }: add the derivatives of this number to .grad of every tensor that requires them
tensor:free(): give the memory back at once, without waiting for the collector
tensor:shape(): its sizes, a list
tensor:size([dim]): one of its sizes, or the list of all
tensor:dim(): how many dimensions it has
tensor:numel(): how many numbers it has
tensor:item(): the number of a tensor of one element
tensor:totable(): its numbers as nested tables
tensor:requires_grad_([on]): ask for derivatives with respect to it, or no longer
layer:parameters(): its tensors that are trained, a list
layer:named_parameters(): the same as pairs { name, tensor }
layer:buffers(): its tensors that are not trained, such as running means
layer:num_parameters(): how many numbers are trained
layer:zero_grad(): forget the gradients of all parameters
layer:state_dict(): name -> tensor of all parameters and buffers, which follow the training
layer:load_state_dict(state): copy such tensors into it; all must be there and fit
layer:train([on]): training mode: dropout drops, batch normalisation normalises by the batch
layer:eval(): evaluation mode
layer:apply(f): f(layer) for itself and each within it
layer:children(): the layers that it holds itself, a list
layer:named_layers(): itself and all layers within, a list of pairs { name, layer }
layer:clone(): a layer of its own with the same values
layer:free(): give the memory back at once
optim.SGD(parameters, { lr = 0.001, momentum = 0, weight_decay = 0, dampening = 0, nesterov = false }): stochastic gradient descent
optim.Adam(parameters, { lr = 0.001, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0, amsgrad = false }): Kingma and Ba 2015
optim.AdamW(parameters, { lr = 0.001, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0.01, amsgrad = false }): Adam with decay of the weights themselves (Loshchilov and Hutter 2019)
optim.RMSprop(parameters, { lr = 0.01, alpha = 0.99, eps = 1e-8, momentum = 0, weight_decay = 0, centered = false }): steps divided by the running size of gradients (Hinton)
optim.Adagrad(parameters, { lr = 0.01, lr_decay = 0, eps = 1e-10, initial_accumulator_value = 0, weight_decay = 0 }): Duchi et al. 2011
optim.Adadelta(parameters, { lr = 1, rho = 0.9, eps = 1e-6, weight_decay = 0 }): Zeiler 2012
optim.clip_grad_norm(parameters, max_norm, { norm_type = 2 }): scale gradients so that their joint norm is at most max_norm; returns the norm before
optim.clip_grad_value(parameters, limit): limit every number of the gradients
loss.BCELoss{ reduction = "mean" }: called with (probabilities, targets): binary cross-entropy; logarithms at least -100
loss.BCEWithLogitsLoss{ reduction = "mean", pos_weight = 1 }: called with (logits, targets): binary cross-entropy of sigmoid(logits)
loss.MSELoss{ reduction = "mean" }: squared difference
loss.L1Loss{ reduction = "mean" }: absolute difference
loss.SmoothL1Loss{ reduction = "mean", beta = 1 }: squared difference near 0, absolute beyond beta
loss.CrossEntropyLoss{ reduction = "mean", label_smoothing = 0 }: called with (scores, class numbers from 1 on, or probabilities)
init.constant_(tensor, value): all elements become one value
init.dcgan_(layer): weights of convolutions and linear layers from N(0, 0.02), of batch normalisation from N(1, 0.02), biases 0 (Radford et al. 2016)
init.kaiming_normal_(tensor, ..): normal, by fan-in (He et al. 2015)
init.kaiming_uniform_(tensor, ..): uniform, by fan-in (He et al. 2015)
init.normal_(tensor, mean, std): normal numbers
init.ones_(tensor): ones
init.uniform_(tensor, low, high): uniform numbers
init.xavier_normal_(tensor, gain): normal, by fan-in and fan-out (Glorot and Bengio 2010)
init.xavier_uniform_(tensor, gain): uniform, by fan-in and fan-out (Glorot and Bengio 2010)
init.zeros_(tensor): zeros
file.append(path, bytes [, sync]): add to the end of a file; on an error the file is as long as it was
file.exists(path): "file", "folder" or "other" by what is there, or nil
file.list_folder(path): names of the files in it, names of the folders
file.lock(path): a lock to close, while this process alone holds it; or nil and who does
file.make_folder(path): with those above it
file.read(path): the whole of a file as a string
file.remove(path): a file or an empty folder; whether there was one
file.size(path): bytes of a file, nil where there is none
file.write(path, bytes): write a file, whole or not at all; bytes may be a list of strings and tensors
]==]

local lines = {}
for line in TEXT:gmatch("[^\n]+") do lines[line:match("^[%w_.:]+")] = line end
return lines
