/** The thread that holds the HDF5 library and one stranger's file: whoever asks gives up after a while and ends it. */
import { parentPort, workerData } from 'node:worker_threads';
import { hdf5Answers } from './answers.ts';
import type { Hdf5Request, Hdf5Start } from './messages.ts';

if (parentPort === null) throw new Error('Started as a thread only.');
const port = parentPort;
const { answer } = hdf5Answers(workerData as Hdf5Start);

port.on('message', (request: Hdf5Request) => {
  const reply = answer(request);
  const moved = reply.ok && reply.answer instanceof Uint8Array ? [reply.answer.buffer as ArrayBuffer] : [];
  port.postMessage(reply, moved);
});
port.postMessage('ready');
