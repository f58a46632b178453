// Questions to the server, and the token of a link.

// Throws an Error whose message is for people.
export async function ask(path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  let response;
  try {
    response = await fetch(path, body === undefined ? {} : {
      method: "POST",
      body: json ? JSON.stringify(body) : body,
      headers: json ? { "Content-Type": "application/json" } : {},
    });
  } catch {
    throw new Error("The server does not answer. Try again in a moment.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = answer.error || `The server answers with ${response.status}.`;
    throw Object.assign(new Error(error), { status: response.status });
  }
  return answer;
}

// The token stands behind # in the address, which no proxy sees. It becomes a cookie, and goes.
export async function enter() {
  const token = location.hash.slice(1);
  if (!token) return;
  await ask("/api/enter", { token });
  history.replaceState(null, "", location.pathname);
}
