// Sending a file to the object store.
import { Unreachable } from "./api.js";

/** PUT the file at a presigned address. `onProgress` hears the share that is there, 0 to 1. Raises Unreachable. */
export function put(url, headers, file, onProgress) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onload = () => (request.status < 300 ? done() : failed(new Unreachable()));
    request.onerror = () => failed(new Unreachable());
    request.send(file);
  });
}
