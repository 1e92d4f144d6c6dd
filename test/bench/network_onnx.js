// network_onnx.js MODEL N SHAPE: images a second of ONNX Runtime, batches of N, one thread.
// network_onnx.js MODEL check SHAPE FILE: compares its embeddings with ours, which stand at the end of FILE, behind 4 inputs.
//		Prints the largest difference, as a share of the typical value; more than MOST_DIFFERENCE (1e-4) is an error.
//
// SHAPE is "channels height width" of an input.  The model's last output counts.
const fs = require('fs');
const ort = require('onnxruntime-node');

// [n, height, width, channels] -> [n, channels, height, width]
function channels_first(x, [n, channels, height, width]) {
	const pixels = height * width;
	return x.map((_, i) => x[(Math.floor(i / (channels * pixels)) * pixels + i % pixels) * channels + Math.floor(i / pixels) % channels]);
}

async function run(session, values, shape) {
	const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', values, shape) });
	return outputs[session.outputNames.at(-1)];
}

async function check(session, size, shape, most) {
	const bytes = fs.readFileSync(process.argv[5]);
	const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
	const probe = await run(session, new Float32Array(4 * size), shape);
	const ours = all.subarray(all.length - probe.data.length);
	const given = all.slice(all.length - probe.data.length - 4 * size, all.length - probe.data.length);
	const inputs = channels_first(given, shape);
	const theirs = (await run(session, inputs, shape)).data;
	const typical = Math.sqrt(theirs.reduce((sum, x) => sum + x * x, 0) / theirs.length);
	const error = ours.reduce((most, x, i) => Math.max(most, Math.abs(x - theirs[i])), 0) / typical;
	console.log('largest difference: ' + error.toExponential(1) + ' of the typical value');
	if (!(error <= most))
		throw new Error('the embeddings differ by ' + error + ' of their typical value');
}

async function main() {
	const [path, count] = [process.argv[2], Number(process.argv[3])];
	const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' });
	const [channels, height, width] = process.argv[4].split(' ').map(Number);
	if (process.argv[3] === 'check') {
		await check(session, channels * width * height, [4, channels, height, width], Number(process.env.MOST_DIFFERENCE ?? 1e-4));
		return;
	}
	const values = new Float32Array(count * channels * width * height);
	for (let i = 0; i < values.length; i++)
		values[i] = (i * 7919 % 1000) / 1000;
	const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', values, [count, channels, height, width]) };
	const now = () => { const used = process.cpuUsage(); return (used.user + used.system) / 1e6; };
	let best = Infinity;
	for (const end = now() + 2; now() < end || best === Infinity;) {
		const start = now();
		await session.run(feeds);
		best = Math.min(best, now() - start);
	}
	console.log((count / best).toFixed(1));
}

main();
