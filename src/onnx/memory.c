/*
 * memory.c: memory of an import, all of it given back at its end, and its messages.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "onnx/onnx_internal.h"

/* The head of a block; as large as the host's alignment, so that what follows is aligned as well. */
struct OnnxMemory
{
	OnnxMemory *next;
	char		room[64 - sizeof(OnnxMemory *)];
};

void *
onnx_take(Onnx *onnx, size_t count, size_t size)
{
	size_t		bytes;
	OnnxMemory *block;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > onnx->most - onnx->taken)
	{
		status_set(onnx->status, STATUS_ONNX_FORMAT, NULL,
				   "Its tensors would take %zu times %zu bytes, more than a file of %zu bytes can account for.", count, size,
				   onnx->file.length);
		return NULL;
	}
	block = host_allocate(onnx->host, 1, sizeof(OnnxMemory) + bytes, onnx->status);
	if (block == NULL)
		return NULL;
	block->next = onnx->memory;
	onnx->memory = block;
	onnx->taken += bytes;
	memset(block + 1, 0, bytes);
	return block + 1;
}

void
onnx_free_all(Onnx *onnx)
{
	while (onnx->memory != NULL)
	{
		OnnxMemory *block = onnx->memory;

		onnx->memory = block->next;
		host_release(onnx->host, block);
	}
}

const char *
onnx_name(OnnxBytes name, char text[ONNX_NAME])
{
	size_t		length = name.length < ONNX_NAME - 4 ? name.length : ONNX_NAME - 4;

	for (size_t i = 0; i < length; i++)
		text[i] = name.start[i] >= ' ' && name.start[i] < 127 && name.start[i] != '"' ? (char) name.start[i] : '?';
	snprintf(text + length, ONNX_NAME - length, "%s", length < name.length ? "..." : "");
	return text;
}

bool
onnx_broken(Onnx *onnx, const char *format, ...)
{
	char		sentence[STATUS_TEXT];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof sentence, format, arguments);
	va_end(arguments);
	return status_set(onnx->status, STATUS_ONNX_FORMAT, NULL, "%s", sentence);
}

static void
name_node(const OnnxNode *node, char *text, size_t size)
{
	char		name[ONNX_NAME];
	char		operator[ONNX_NAME];

	if (node->name.length > 0)
		snprintf(text, size, "Node %d (\"%s\", %s)", node->number, onnx_name(node->name, name), onnx_name(node->operator, operator));
	else
		snprintf(text, size, "Node %d (%s)", node->number, onnx_name(node->operator, operator));
}

static void node_error(Onnx *onnx, const OnnxNode *node, StatusCode code, const char *hint, const char *format, va_list arguments)
	__attribute__((format(printf, 5, 0)));

static void
node_error(Onnx *onnx, const OnnxNode *node, StatusCode code, const char *hint, const char *format, va_list arguments)
{
	char		where[2 * ONNX_NAME + 32];
	char		sentence[STATUS_TEXT];

	name_node(node, where, sizeof where);
	vsnprintf(sentence, sizeof sentence, format, arguments);
	status_set(onnx->status, code, hint, "%s: %s", where, sentence);
}

bool
node_unsupported(Onnx *onnx, const OnnxNode *node, const char *hint, const char *format, ...)
{
	va_list		arguments;

	va_start(arguments, format);
	node_error(onnx, node, STATUS_ONNX_UNSUPPORTED, hint, format, arguments);
	va_end(arguments);
	return false;
}

bool
node_broken(Onnx *onnx, const OnnxNode *node, const char *format, ...)
{
	va_list		arguments;

	va_start(arguments, format);
	node_error(onnx, node, STATUS_ONNX_FORMAT, NULL, format, arguments);
	va_end(arguments);
	return false;
}
