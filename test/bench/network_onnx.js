// network_onnx.js MODEL N WEIGHTS: images a second of ONNX Runtime, batches of N, one thread.
const fs = require('fs');
const ort = require('onnxruntime-node');

async function main() {
	const [path, count] = [process.argv[2], Number(process.argv[3])];
	const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' });
	const definition = JSON.parse(fs.readFileSync('sql/network/' + path.replace(/.*\//, '').replace('.onnx', '.json')));
	const { width, height } = definition.input;
	const values = new Float32Array(count * width * height);
	for (let i = 0; i < values.length; i++)
		values[i] = (i * 7919 % 1000) / 1000;
	const feeds = { x: new ort.Tensor('float32', values, [count, 1, height, width]) };
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
