//! Ollama's and OpenAI's JSON, and one router without a transport: request in, status and body out.

#![deny(missing_docs)]
