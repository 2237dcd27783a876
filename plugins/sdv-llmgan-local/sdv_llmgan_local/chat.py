"""Messages become the tokens of a prompt, by the model's own chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdv_llmgan.providers.base import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def prompt_tokens(messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Write a conversation as the model was taught to read it.

    Args:
        messages: The conversation; an assistant's message at the end is continued.
        tokenizer: Of the model; without a chat template the messages are joined by empty lines.

    Returns:
        Token ids, at least one.
    """
    turns = [
        {'role': message.role, 'content': _as_data(message.content, tokenizer)}
        for message in messages
    ]
    text = _render(turns, tokenizer)
    tokens: list[int] = tokenizer(text, add_special_tokens=not tokenizer.chat_template)['input_ids']
    return tokens or [tokenizer.eos_token_id]


def _as_data(content: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """Take the control tokens out of a text, so that no cell of a table can end a turn."""
    for token in tokenizer.all_special_tokens:
        if len(token) > 1:
            content = content.replace(token, f'{token[0]} {token[1:]}')
    return content


def _render(turns: list[dict[str, str]], tokenizer: PreTrainedTokenizerBase) -> str:
    if not tokenizer.chat_template:
        return '\n\n'.join(turn['content'] for turn in turns) + '\n\n'
    from jinja2 import TemplateError

    def render(turns: list[dict[str, str]]) -> str:
        goes_on = turns[-1]['role'] == 'assistant'
        text = tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=not goes_on, continue_final_message=goes_on
        )
        return str(text)

    try:
        return render(turns)
    except TemplateError:
        return render(_without_system(turns))


def _without_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Put the system's words at the head of the first user turn; merge turns of one role."""
    merged: list[dict[str, str]] = []
    for turn in turns:
        role = 'user' if turn['role'] == 'system' else turn['role']
        if merged and merged[-1]['role'] == role:
            merged[-1]['content'] += '\n\n' + turn['content']
        else:
            merged.append({'role': role, 'content': turn['content']})
    return merged
