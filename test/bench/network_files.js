// network_files.js face FOLDER FILE: the residual face network of npm's @vladmandic/face-api as an ONNX file.
//		FOLDER: that of face_recognition_model.bin and its weights_manifest.json
// network_files.js cut NAME FROM FILE: FROM with the tensor NAME as a further output.
//
// The face network is dlib's dlib_face_recognition_resnet_model_v1: 29 convolutions in residual blocks without weights in their
// shortcuts (He et al. 2016, section 3.3, option A).  Its input is [n, 3, 150, 150], red, green, blue, (value - mean) / 256.
const fs = require('fs');
const path = require('path');

// ---- protobuf ----------------------------------------------------------------------------------------------------------

function varint(n) {
	const bytes = [];
	for (; n > 127; n = Math.floor(n / 128))
		bytes.push(n % 128 + 128);
	return Buffer.from([...bytes, n]);
}
const number = (field, n) => Buffer.concat([varint(field * 8), varint(n)]);
const message = (field, ...parts) => {
	const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
	return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
};
const ints = (name, values) => message(5, message(1, name), ...values.map((v) => number(8, v)), number(20, 7));
const node = (operator, inputs, output, ...attributes) => message(1, ...inputs.map((i) => message(1, i)), message(2, output),
	message(3, output), message(4, operator), ...attributes);
const tensor = (name, dims, values, type = 1) => message(5, ...dims.map((d) => number(1, d)), number(2, type), message(8, name),
	message(9, Buffer.from(values.buffer, values.byteOffset, values.byteLength)));
const value = (field, name, dims) => message(field, message(1, name), message(2, message(1, number(1, 1),
	message(2, ...dims.map((d) => message(1, typeof d === 'string' ? message(2, d) : number(1, d)))))));

// ---- the face network --------------------------------------------------------------------------------------------------

// Weights by name: { shape, values }.  Those of 8 bits are scale * byte + min.
function read_weights(folder) {
	const groups = JSON.parse(fs.readFileSync(path.join(folder, 'face_recognition_model-weights_manifest.json')));
	const bytes = fs.readFileSync(path.join(folder, 'face_recognition_model.bin'));
	const weights = {};
	let at = 0;
	for (const { name, shape, dtype, quantization } of groups.flatMap((group) => group.weights)) {
		const count = shape.reduce((a, b) => a * b, 1);
		const values = new Float32Array(count);
		if (dtype !== 'float32' || (quantization && quantization.dtype !== 'uint8'))
			throw new Error('weights "' + name + '" are of a kind that is not known here');
		for (let i = 0; i < count; i++)
			values[i] = quantization ? quantization.scale * bytes[at + i] + quantization.min : bytes.readFloatLE(at + 4 * i);
		at += quantization ? count : 4 * count;
		weights[name] = { shape, values };
	}
	if (at !== bytes.length)
		throw new Error('the weights have ' + at + ' bytes, the file ' + bytes.length);
	return weights;
}

function face(folder, to) {
	const weights = read_weights(folder);
	const parts = [];
	let last = 'x', map = { c: 3, size: 150 };

	// Convolution, then a factor and a summand for each channel; [height, width, in, out] -> [out, in, height, width]
	function conv(name, stride, padding, relu) {
		const { shape: [h, w, c, m], values } = weights[name + '/conv/filters'];
		const turned = new Float32Array(values.length);
		for (let i = 0; i < values.length; i++) {
			const out = i % m, into = Math.floor(i / m) % c, place = Math.floor(i / (m * c));
			turned[(out * c + into) * h * w + place] = values[i];
		}
		parts.push(tensor(name + '/w', [m, c, h, w], turned), tensor(name + '/b', [m], weights[name + '/conv/bias'].values),
			tensor(name + '/scale', [m, 1, 1], weights[name + '/scale/weights'].values),
			tensor(name + '/shift', [m, 1, 1], weights[name + '/scale/biases'].values),
			node('Conv', [last, name + '/w', name + '/b'], name + '/conv', ints('strides', [stride, stride]),
				ints('pads', [padding, padding, padding, padding])),
			node('Mul', [name + '/conv', name + '/scale'], name + '/scaled'), node('Add', [name + '/scaled', name + '/shift'], name));
		last = name;
		map = { c: m, size: Math.floor((map.size + 2 * padding - h) / stride) + 1 };
		if (relu)
			activate();
	}
	function activate() {
		parts.push(node('Relu', [last], last + '/relu'));
		last += '/relu';
	}
	// Zeros at the right, at the bottom and behind the channels
	function pad(name, of, pixels, channels) {
		if (pixels === 0 && channels === 0)
			return of;
		parts.push(tensor(name + '/pads', [8], BigInt64Array.from([0, 0, 0, 0, 0, channels, pixels, pixels].map(BigInt)), 7),
			node('Pad', [of, name + '/pads'], name + '/padded'));
		return name + '/padded';
	}
	function block(name, down) {
		const before = last, was = map;
		conv(name + '/conv1', down ? 2 : 1, down ? 0 : 1, true);
		conv(name + '/conv2', 1, 1, false);
		let short = before;
		if (down) {
			const size = Math.floor(was.size / 2);
			parts.push(node('AveragePool', [before], name + '/mean', ints('kernel_shape', [2, 2]), ints('strides', [2, 2])));
			short = pad(name + '/short', name + '/mean', 0, map.c - was.c);
			last = pad(name, last, size - map.size, 0);
			map.size = size;
		}
		parts.push(node('Add', [short, last], name));
		last = name;
		activate();
	}

	conv('conv32_down', 2, 0, true);
	parts.push(node('MaxPool', [last], 'pool', ints('kernel_shape', [3, 3]), ints('strides', [2, 2])));
	last = 'pool';
	map.size = Math.floor((map.size - 3) / 2) + 1;
	for (const name of ['conv32_1', 'conv32_2', 'conv32_3', 'conv64_down', 'conv64_1', 'conv64_2', 'conv64_3', 'conv128_down', 'conv128_1',
		'conv128_2', 'conv256_down', 'conv256_1', 'conv256_2', 'conv256_down_out'])
		block(name, name.includes('down'));
	parts.push(node('GlobalAveragePool', [last], 'mean'), node('Flatten', ['mean'], 'flat'),
		tensor('fc', weights.fc.shape, weights.fc.values), node('MatMul', ['flat', 'fc'], 'y'),
		value(11, 'x', ['n', 3, 150, 150]), value(12, 'y', ['n', 128]), message(2, 'face'));
	fs.writeFileSync(to, Buffer.concat([number(1, 8), message(7, ...parts), message(8, number(2, 13))]));
}

// ---- a further output --------------------------------------------------------------------------------------------------

// A message that stands twice is one with the fields of both.
function cut(name, from, to) {
	fs.writeFileSync(to, Buffer.concat([fs.readFileSync(from), message(7, message(12, message(1, name)))]));
}

const [what, ...rest] = process.argv.slice(2);
({ face, cut })[what](...rest);
