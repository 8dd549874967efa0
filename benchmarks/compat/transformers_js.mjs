// What transformers.js says about texts, from one of a folder's ONNX files.
//
//     node transformers_js.mjs FOLDER onnx/model.onnx < texts.json
//
// Reads a JSON list of texts; prints JSON: what ran, and for each text a probability per label.

import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { env, pipeline } from "@huggingface/transformers";

const DTYPES = { "onnx/model.onnx": "fp32", "onnx/model_quantized.onnx": "q8" };

const [folder, file] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);
const classify = await pipeline("text-classification", basename(folder), { dtype: DTYPES[file], device: "cpu" });
const answers = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  const entries = await classify(text, { top_k: null });
  answers.push(Object.fromEntries(entries.map(({ label, score }) => [label, score])));
}
const version = `transformers.js ${env.version}, Node ${process.versions.node}`;
process.stdout.write(JSON.stringify({ version, answers }));
