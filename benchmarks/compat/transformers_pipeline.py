"""What the pipeline of transformers, 4 or 5, says about texts, from a folder's model.safetensors.

    python transformers_pipeline.py FOLDER model.safetensors < texts.json

Reads a JSON list of texts; prints JSON: what ran, and for each text a probability per label.
"""

import json
import sys

import transformers

folder, _ = sys.argv[1:]
classify = transformers.pipeline("text-classification", model=folder, device="cpu", trust_remote_code=False)
answers = [classify(text, top_k=None, truncation=True) for text in json.load(sys.stdin)]
result = {
    "version": f"transformers {transformers.__version__}",
    "answers": [{entry["label"]: entry["score"] for entry in answer} for answer in answers],
}
json.dump(result, sys.stdout)
