"""What optimum-onnx says about texts, from one of a folder's ONNX files.

    python optimum_onnx.py FOLDER onnx/model.onnx < texts.json

Reads a JSON list of texts; prints JSON: what ran, and for each text a probability per label.
"""

import json
import sys
from importlib.metadata import version
from pathlib import PurePosixPath

from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline

folder, file = sys.argv[1], PurePosixPath(sys.argv[2])
place = {"subfolder": str(file.parent), "file_name": file.name}
model = ORTModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False, **place)
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
models = {"model": model, "tokenizer": tokenizer}
classify = pipeline("text-classification", **models, device="cpu", trust_remote_code=False)
answers = [classify(text, top_k=None, truncation=True) for text in json.load(sys.stdin)]
result = {
    "version": f"optimum-onnx {version('optimum-onnx')}, transformers {version('transformers')}",
    "answers": [{entry["label"]: entry["score"] for entry in answer} for answer in answers],
}
json.dump(result, sys.stdout)
