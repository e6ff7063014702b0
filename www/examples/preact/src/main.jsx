import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import "../../page.css";
import { ask, load, wanted } from "./chat.js";

function App() {
  const [status, setStatus] = useState("No model.");
  const [model, setModel] = useState(null);
  const [question, setQuestion] = useState("Why is the sky blue?");
  const [answer, setAnswer] = useState("");
  const [stop, setStop] = useState(null);
  const file = useRef(null);

  const open = (source) =>
    load(source, setStatus).then(setModel, (error) => setStatus(error.message));
  useEffect(() => {
    if (wanted) open({ url: wanted });
  }, []);

  async function submit(event) {
    event.preventDefault();
    const controller = new AbortController();
    setStop(controller);
    setAnswer("");
    for await (const text of ask(model, question, controller.signal)) {
      setAnswer((before) => before + text);
    }
    setStop(null);
  }

  return (
    <>
      <h1>With Preact</h1>
      <p>
        <label>
          A GGUF file:{" "}
          <input ref={file} type="file" onChange={() => open({ file: [...file.current.files] })} />
        </label>
      </p>
      <p role="status">{status}</p>
      <form onSubmit={submit}>
        <textarea
          id="question"
          aria-label="Question"
          value={question}
          onInput={(event) => setQuestion(event.currentTarget.value)}
        />
        <button id="ask" disabled={!model || stop}>
          Ask
        </button>
        <button type="button" disabled={!stop} onClick={() => stop.abort()}>
          Stop
        </button>
      </form>
      <p id="answer">{answer}</p>
    </>
  );
}

render(<App />, document.getElementById("app"));
