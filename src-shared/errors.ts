// Generated from errors.md by `npm run errors`; edit that page instead.
/* eslint-disable */

export const errorCatalogue = {
  "file-missing": {
    text: "The file or folder does not exist or cannot be read.",
    means: "Nothing was examined.",
    todo: "Check the path and the permissions, then start again.",
  },
  "encoder-unrecognised": {
    text: "The encoder is of no known format.",
    means: "The encoder was not examined.",
    todo: "Give an ONNX, PyTorch (.pt, .pth, .bin), safetensors, TF.js (model.json) or Keras (.keras, .h5) file; the message says what was met.",
  },
  "encoder-malformed": {
    text: "The encoder's file contradicts itself.",
    means: "The encoder was not examined; a file made to confuse readers looks like this too.",
    todo: "Ask the supplier for a fresh export; keep this file as evidence.",
  },
  "encoder-too-large": {
    text: "The encoder is above a limit of the reader.",
    means: "The encoder was not examined.",
    todo: "Raise the limit named in the message if you trust the size.",
  },
  "memory-too-small": {
    text: "The audit does not fit into the memory it was allowed.",
    means: "Nothing was computed.",
    todo: "Give --memory at least what the message names, or fewer samples; leave it out for no bound.",
  },
  "memory-exceeded": {
    text: "The engine took more memory than it was allowed.",
    means: "It was stopped there; what was committed stays, but a run keeps the bound it was begun with.",
    todo: "Start again with a larger --memory, or without one; the message says how much was taken.",
  },
  "reader-stopped": {
    text: "A reader was stopped because it did not finish in time.",
    means: "The file was not examined; a damaged file, or one made to keep readers busy, looks like this.",
    todo: "Ask for a fresh copy and keep this one as evidence; raise the limit named in the message if the machine is slow and you trust the file.",
  },
  "encoder-unsafe": {
    text: "The encoder's weights cannot be had without running code from its file.",
    means: "Nothing of it was run and the encoder was not examined.",
    todo: "Ask the supplier for the state dict as safetensors; keep this file as evidence.",
  },
  "encoder-is-program": {
    text: "The file holds a program, not weights alone.",
    means: "Nothing of it was run and the encoder was not examined.",
    todo: "Ask the supplier for the state dict (torch.save(model.state_dict(), …)), safetensors or ONNX.",
  },
  "architecture-unknown": {
    text: "The weights fit no architecture that Coresift knows.",
    means: "The encoder was not examined.",
    todo: "Name the architecture with --arch if the names were changed, or export the encoder as ONNX, which carries its graph.",
  },
  "architecture-mismatch": {
    text: "The weights do not fit the architecture.",
    means: "The encoder was not examined.",
    todo: "The message counts the parameters that are missing, extra or of wrong shape; choose another --arch or export as ONNX.",
  },
  "not-onnx": {
    text: "The file is not an ONNX model.",
    means: "The encoder was not examined.",
    todo: "Export the encoder as ONNX (opset 9 or newer) and give that file.",
  },
  "onnx-malformed": {
    text: "The ONNX file contradicts itself.",
    means: "The encoder was not examined; a file made to confuse readers looks like this too.",
    todo: "Ask the supplier for a fresh export; keep this file as evidence.",
  },
  "onnx-too-large": {
    text: "The file is above a limit of the reader.",
    means: "The encoder was not examined.",
    todo: "Raise the limit named in the message if you trust the size.",
  },
  "unknown-operator": {
    text: "The encoder uses an operator that Coresift cannot differentiate.",
    means: "The encoder was not examined.",
    todo: "Export it with standard operators only; the message names the node.",
  },
  "unsupported-encoder": {
    text: "The encoder's structure is not one that Coresift can audit.",
    means: "The encoder was not examined.",
    todo: "See the list of supported encoders in the README; name the representation with --representation if it was not found.",
  },
  "wrong-input-size": {
    text: "The image size does not fit the encoder.",
    means: "Nothing was examined.",
    todo: "Give --input-size HxW as the encoder expects it, or leave it out.",
  },
  "dataset-unrecognised": {
    text: "The dataset is of no known format.",
    means: "The dataset was not examined.",
    todo: "Give an image folder with one folder per class, a CSV or JSONL manifest, IDX, CIFAR, STL-10, SVHN or GTSRB files, an npz or npy file, or a tar or zip archive of these.",
  },
  "dataset-malformed": {
    text: "The dataset contradicts itself.",
    means: "The dataset was not examined; a file made to confuse readers looks like this too.",
    todo: "The message names the place; ask for a fresh copy and keep this one as evidence.",
  },
  "dataset-too-large": {
    text: "The dataset is above a limit of the reader.",
    means: "The dataset was not examined.",
    todo: "Raise the limit named in the message (--limit dataset.NAME=VALUE) if you trust the size.",
  },
  "dataset-unsupported": {
    text: "The dataset uses a form of its format that Coresift does not read.",
    means: "The dataset was not examined.",
    todo: "The message names the form and what to give instead.",
  },
  "image-unreadable": {
    text: "The image cannot be read.",
    means: "This image was left out and is listed by name; the others were examined.",
    todo: "Open it in a viewer; save it again as PNG, JPEG, BMP, WebP, TIFF or PPM if it is worth keeping.",
  },
  "safetensors-malformed": {
    text: "The safetensors file breaks the rules of its format.",
    means: "Nothing was read from it.",
    todo: "Ask for a fresh export; keep this file as evidence.",
  },
  "labels-missing": {
    text: "The dataset has images but no labels.",
    means: "Sifting compares labels, so nothing could be examined.",
    todo: "Put images into one folder per class, add the label file beside the image file, or give a CSV manifest.",
  },
  "no-readable-image": {
    text: "Not one image of the dataset could be read.",
    means: "The dataset was not examined.",
    todo: "The message lists the first reasons; check the files.",
  },
  "one-class-dataset": {
    text: "The dataset has a single class.",
    means: "Neighbours of other classes are needed to tell trusted from suspect samples; nothing could be examined.",
    todo: "Give a dataset with at least two classes.",
  },
  "too-few-samples": {
    text: "There are too few samples to sift.",
    means: "Nothing was examined.",
    todo: "Give at least 10 readable images in each of at least two classes.",
  },
  "no-space": {
    text: "There is no space left on the device.",
    means: "The run stopped; everything committed so far is safe.",
    todo: "Free space and continue with --resume.",
  },
  "out-not-empty": {
    text: "The output folder already holds another run.",
    means: "Nothing was started.",
    todo: "Choose another folder, or continue that run with --resume.",
  },
  "nothing-to-resume": {
    text: "There is no interrupted run to resume.",
    means: "Nothing was started.",
    todo: "Start without --resume.",
  },
  "resume-differs": {
    text: "The interrupted run was started with other inputs or parameters, or by another build.",
    means: "Nothing was started; its results would not belong to these inputs.",
    todo: "Use the inputs, options and build of that run, or start a new one in another folder.",
  },
  "input-changed": {
    text: "An input file changed while the audit was running.",
    means: "The run was stopped: results would not belong to one input.",
    todo: "Copy the input somewhere stable and start again.",
  },
  "project-from-future": {
    text: "The project was written by a newer version of Coresift.",
    means: "Nothing was opened or changed.",
    todo: "Open it with that version or a newer one.",
  },
  "project-corrupt": {
    text: "The project's journal does not verify.",
    means: "Its results must not be relied on.",
    todo: "Run `coresift verify` on it to see which entry breaks the chain.",
  },
  "project-busy": {
    text: "Another Coresift process is writing to this project.",
    means: "Nothing was started.",
    todo: "Wait for it to end or choose another project folder.",
  },
  "device-unavailable": {
    text: "The requested device cannot be used.",
    means: "Nothing was started.",
    todo: "Run `coresift doctor` to see what can, or use --device cpu.",
  },
  "provider-failed": {
    text: "The compute provider failed.",
    means: "The run stopped; everything committed so far is safe.",
    todo: "Continue with --resume, on another device if it happens again.",
  },
  "training-diverged": {
    text: "Training left the range of numbers.",
    means: "The run stopped; there is no sanitized model, and nothing is said of the inputs.",
    todo: "Lower the learning rate that the message names (--set), or check the pixel normalisation (--mean, --std).",
  },
  "engine-died": {
    text: "The engine process ended without a word.",
    means: "The run stopped; everything committed so far is safe.",
    todo: "Often memory: close other programs and continue with --resume.",
  },
  "export-differs": {
    text: "The exported model does not give the same answers as the audited one.",
    means: "The export was withdrawn.",
    todo: "Report this with the numbers in the message.",
  },
  "export-impossible": {
    text: "The sanitized model cannot be written in this format.",
    means: "Nothing was written in it; the other formats stand.",
    todo: "The message says what stands in the way; take ONNX or safetensors, which can hold every model.",
  },
  "run-unfinished": {
    text: "The run is not finished.",
    means: "There is no sanitized model to write yet.",
    todo: "Let the run finish or continue it with --resume, then export again.",
  },
  "usage": {
    text: "The command was not understood.",
    means: "Nothing was started.",
    todo: "See `coresift --help`.",
  },
  "run-unknown": {
    text: "There is no such run in this project.",
    means: "Nothing was shown or changed.",
    todo: "Open the project that holds it, or choose a run from the list.",
  },
  "report-missing": {
    text: "The run has no report yet.",
    means: "The report is written when the run ends.",
    todo: "Let the run finish, or resume it.",
  },
  "request-invalid": {
    text: "The request is not one that Coresift understands.",
    means: "Nothing was started.",
    todo: "Correct the field named in the message.",
  },
  "connection-lost": {
    text: "The page lost its connection to Coresift.",
    means: "A running audit goes on; what the page shows may be out of date.",
    todo: "Reload the page; start `coresift serve` again if it was stopped.",
  },
  "run-active": {
    text: "Another run of this project is still going.",
    means: "Nothing was started; two runs would share the processors and neither would keep its time.",
    todo: "Wait for it to end or cancel it.",
  },
  "map-missing": {
    text: "There is no such map of this run's samples.",
    means: "The audit is not touched by it: maps are for looking and decide nothing.",
    todo: "Choose another tap, or run the audit again with this version.",
  },
  "matrix-unknown": {
    text: "This project has no such matrix of planted attacks.",
    means: "Nothing was read or started.",
    todo: "Choose one of those that the view lists.",
  },
  "not-a-project": {
    text: "The folder or file is not a Coresift project.",
    means: "Nothing was opened or changed.",
    todo: "Give the folder that holds `project.sqlite`, or leave --project out to start a new one.",
  },
  "project-not-writable": {
    text: "The project cannot be written to.",
    means: "Nothing was changed; it can still be read and verified.",
    todo: "Check the permissions, or copy the project to a disk that can be written.",
  },
  "plan-invalid": {
    text: "The bench plan is not one that can be run.",
    means: "Nothing was planted or measured.",
    todo: "Correct the place named in the message; `coresift bench --help` names the presets.",
  },
  "key-exists": {
    text: "There is a signing key of this name.",
    means: "Nothing was changed.",
    todo: "Choose another name, or move the old key away.",
  },
  "key-unusable": {
    text: "The key cannot be used.",
    means: "Nothing was signed or verified.",
    todo: "Check the passphrase; keys are Ed25519 or ECDSA P-256 in PEM.",
  },
  "pack-malformed": {
    text: "The file is not an audit pack.",
    means: "Nothing of it was verified.",
    todo: "Give the .zip file that `coresift report --format pack` wrote; ask for it again if it was cut off on its way.",
  },
  "path-not-given": {
    text: "In the desktop window a file is named by you, not by the page.",
    means: "Nothing was read or written.",
    todo: "Choose it with Browse…, or drop it on the window; a folder to write into is always chosen. A path can be typed in the dialog.",
  },
  "file-not-saved": {
    text: "The file could not be saved.",
    means: "Nothing else was changed, and a file of that name is as it was.",
    todo: "Choose another folder, or look at what the system answered.",
  },
} as const;

export type ErrorCode = keyof typeof errorCatalogue;
