// List a tool server's tools and call some, from Node: `npm install @modelcontextprotocol/sdk`, then
// `node client.mjs ROOT`, where ROOT is this repository's folder, or `node client.mjs URL` for a
// server that serves over HTTP. An API key, where one is needed, is read from ALPHASHIELD_KEY.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

function transport(where) {
  if (where.startsWith("http")) {
    const key = process.env.ALPHASHIELD_KEY;
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    return new StreamableHTTPClientTransport(new URL(where), { requestInit: { headers } });
  }
  return new StdioClientTransport({
    command: `${where}/.venv/bin/python`,
    args: ["-m", "mcp_servers", "lending"],
    cwd: where,
  });
}

const client = new Client({ name: "example", version: "1" });
await client.connect(transport(process.argv[2] ?? "."));
const { tools } = await client.listTools();
for (const tool of tools) console.log(`${tool.name}: ${tool.title}`);

if (tools.some((tool) => tool.name === "lending_get_apr")) {
  const loan = { principal: "10000", rate_annual: "0.08", term_months: 36 };
  const apr = await client.callTool({
    name: "lending_get_apr",
    arguments: { ...loan, origination_fee: "300", disbursed_on: "2019-12-02", first_due_on: "2020-01-02" },
  });
  console.log(apr.structuredContent ?? apr.content);
  const refused = await client.callTool({ name: "lending_assess_underwriting", arguments: {} });
  console.log(refused.isError ? "refused:" : "answered:", refused.content[0].text);
}
await client.close();
