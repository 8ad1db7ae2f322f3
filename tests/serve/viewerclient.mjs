// Asks a server for everything with dicomweb-client of npm, as viewers do; prints JSON.
// node viewerclient.mjs PACKAGE BASE STUDY SERIES INSTANCE FILE
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [folder, base, study, series, instance, file] = process.argv.slice(2);
const require = createRequire(import.meta.url);
// The package wants what browsers have.
class Request {
  constructor() { this.headers = {}; this.responseType = ""; }
  open(method, url) { this.method = method; this.url = url; }
  setRequestHeader(name, value) { this.headers[name] = value; }
  abort() {}
  getResponseHeader(name) { return this.answer.headers.get(name); }
  getAllResponseHeaders() {
    return [...this.answer.headers].map((each) => each.join(": ")).join("\r\n");
  }
  async send(body) {
    try {
      this.answer = await fetch(this.url, { method: this.method, headers: this.headers, body });
      const data = await this.answer.arrayBuffer();
      this.status = this.answer.status;
      this.statusText = this.answer.statusText;
      const text = new TextDecoder().decode(data);
      if (this.responseType === "arraybuffer") this.response = data;
      else if (this.responseType === "json") this.response = text ? JSON.parse(text) : null;
      else this.response = text;
      this.responseText = text;
      this.readyState = 4;
      this.onreadystatechange?.();
      this.onloadend?.();
    } catch (error) {
      console.error(String(error));
      process.exit(1);
    }
  }
}
globalThis.XMLHttpRequest = Request;
globalThis.window = globalThis;

const { api } = require(folder);
const client = new api.DICOMwebClient({ url: base, verbose: false, singlepart: "" });
const one = { studyInstanceUID: study, seriesInstanceUID: series, sopInstanceUID: instance };
const size = (data) => data.byteLength ?? data.length;
const said = {};
const ask = async (name, answer) => {
  try {
    said[name] = await answer();
  } catch (error) {
    said[name] = `refused: ${error.message ?? error} ${error.status ?? ""}`;
  }
};
await ask("studies", async () => (await client.searchForStudies({ queryParams: { StudyInstanceUID: study } })).length);
await ask("series", async () => (await client.searchForSeries(one)).length);
await ask("instances", async () => (await client.searchForInstances(one)).length);
await ask("studyMetadata", async () => (await client.retrieveStudyMetadata(one)).length);
await ask("metadata", async () => (await client.retrieveInstanceMetadata(one))[0]["00280010"].Value);
await ask("frames", async () => (await client.retrieveInstanceFrames({ ...one, frameNumbers: [1, 2] })).map(size));
await ask("rendered", async () => size(await client.retrieveInstanceFramesRendered({ ...one, frameNumbers: [1] })));
await ask("thumbnail", async () => size(await client.retrieveInstanceFramesThumbnail({ ...one, frameNumbers: [1] })));
await ask("instance", async () => size(await client.retrieveInstance(one)));
await ask("seriesObjects", async () => (await client.retrieveSeries(one)).map(size).length);
await ask("bulk", async () => (await client.retrieveBulkData({
  BulkDataURI: `${base}/studies/${study}/series/${series}/instances/${instance}/bulkdata/7FE00010`,
})).map(size));
await ask("store", async () => {
  const data = readFileSync(file);
  await client.storeInstances({ datasets: [data.buffer.slice(data.byteOffset, data.byteOffset + data.length)] });
  return "stored";
});
console.log(JSON.stringify(said));
