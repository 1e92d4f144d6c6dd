// network_onnx.js MODEL N WEIGHTS: images a second of ONNX Runtime, batches of N, one thread.
// network_onnx.js MODEL check WEIGHTS: compares its embeddings with ours, behind weights and inputs in the file.
const fs = require('fs');
const ort = require('onnxruntime-node');

// [n, height, width, channels] -> [n, channels, height, width]
function channels_first(x, [n, channels, height, width]) {
	const pixels = height * width;
	return x.map((_, i) => x[(Math.floor(i / (channels * pixels)) * pixels + i % pixels) * channels + Math.floor(i / pixels) % channels]);
}

async function check(session, size, shape) {
	const bytes = fs.readFileSync(process.argv[4]);
	const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
	const probe = (await session.run({ x: new ort.Tensor('float32', new Float32Array(4 * size), shape) })).y;
	const ours = all.subarray(all.length - probe.data.length);
	const given = all.slice(all.length - probe.data.length - 4 * size, all.length - probe.data.length);
	const inputs = channels_first(given, shape);
	const theirs = (await session.run({ x: new ort.Tensor('float32', inputs, shape) })).y.data;
	const typical = Math.sqrt(theirs.reduce((sum, x) => sum + x * x, 0) / theirs.length);
	const error = ours.reduce((most, x, i) => Math.max(most, Math.abs(x - theirs[i])), 0) / typical;
	if (!(error <= 1e-4))
		throw new Error('the embeddings differ by ' + error + ' of their typical value');
}

async function main() {
	const [path, count] = [process.argv[2], Number(process.argv[3])];
	const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' });
	const definition = JSON.parse(fs.readFileSync('sql/network/' + path.replace(/.*\//, '').replace('.onnx', '.json')));
	const { width, height, colour, flow } = definition.input;
	const colours = (colour ?? 'grey') === 'grey' ? 1 : 3;
	const channels = definition.layers[0].type === 'pair' ? 2 * (colours + (flow ? 2 : 0)) : colours;
	if (process.argv[3] === 'check') {
		await check(session, channels * width * height, [4, channels, height, width]);
		return;
	}
	const values = new Float32Array(count * channels * width * height);
	for (let i = 0; i < values.length; i++)
		values[i] = (i * 7919 % 1000) / 1000;
	const feeds = { x: new ort.Tensor('float32', values, [count, channels, height, width]) };
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
