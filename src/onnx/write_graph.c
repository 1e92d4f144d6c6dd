/*
 * write_graph.c: onnx_export(): layers of a definition and their weights -> an ONNX file of opset 17.
 *
 * Tensors are [batch, channels, height, width]; after a flatten or a dense layer [batch, values].  Values of a flattened map would
 * stand in another order than ours, so a map is transposed before a dense layer, and at the end.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "onnx/write_internal.h"

/* ---- the file ---------------------------------------------------------------------------------------------------------- */

/* ValueInfoProto of floats [batch, ...]. */
static void
put_value(Export *pass, int field, const char *name, int rank, const int64_t *dim)
{
	WireOut		shape = write_attributes(pass);
	WireOut		tensor = write_attributes(pass);
	WireOut		type = write_attributes(pass);
	WireOut		value = write_attributes(pass);

	for (int i = 0; i < rank; i++)
	{
		WireOut		part = write_attributes(pass);

		if (dim[i] == 0)
			out_text(&part, 2, "batch");
		else
			out_number(&part, 1, (uint64_t) dim[i]);
		out_message(&shape, 1, &part);
	}
	out_number(&tensor, 1, ONNX_FLOAT);
	out_message(&tensor, 2, &shape);
	out_message(&type, 1, &tensor);
	out_text(&value, 1, name);
	out_message(&value, 2, &type);
	out_message(&pass->graph, field, &value);
}

static bool
put_layers(Export *pass)
{
	char		input[WRITE_NAME];
	char		output[WRITE_NAME];
	char		flat[WRITE_NAME];
	int64_t		values;

	for (pass->layer = 1; pass->layer <= pass->definition->layers; pass->layer++)
	{
		const NetworkSetting *type = write_setting(pass, pass->layer, "type");
		int			from = write_reference(pass, "input");

		from = from < 0 ? pass->layer - 1 : from;
		snprintf(input, sizeof input, from == 0 ? "x" : "l%d", from);
		snprintf(output, sizeof output, "l%d", pass->layer);
		if (type == NULL || type->kind != SETTING_TEXT || from >= pass->layer)
			return write_refuse(pass, "", "it has no type.");
		if (!put_layer(pass, type->text, input, output, &pass->shape[from], &pass->shape[pass->layer]))
			return false;
	}
	/* the embedding: [batch, values] in our order; for the join "weighted_l1" times its weights */
	snprintf(input, sizeof input, "l%d", pass->definition->layers);
	values = pass->shape[pass->layer - 1].c * pass->shape[pass->layer - 1].h * pass->shape[pass->layer - 1].w;
	snprintf(output, sizeof output, "%s", put_flat(pass, input, &pass->shape[pass->layer - 1], flat));
	if (pass->definition->weighted)
	{
		const float *theta = write_parameters(pass, (size_t) values);
		float	   *to = theta != NULL ? host_allocate(pass->graph.host, (size_t) values, sizeof(float), pass->status) : NULL;

		if (to == NULL)
			return false;
		for (int64_t i = 0; i < values; i++)
			to[i] = (float) (theta[i] > 30 ? theta[i] : log1p(exp(theta[i])));
		put_tensor(pass, 0, 1, &values, to);
		host_release(pass->graph.host, to);
		put_node(pass, "Mul", output, 1, "embedding", NULL);
	}
	else
		put_node(pass, "Identity", output, 0, "embedding", NULL);
	put_value(pass, 11, "x", 4, (int64_t[]) {0, pass->shape[0].c, pass->shape[0].h, pass->shape[0].w});
	put_value(pass, 12, "embedding", 2, (int64_t[]) {0, values});
	out_text(&pass->graph, 2, "siamese");
	return true;
}

bool
onnx_export(const OnnxDefinition *definition, const Host *host, uint8_t **bytes, size_t *length, Status *status)
{
	Export	   *pass = host_allocate_zero(host, 1, sizeof(Export), status);
	WireOut		file = {.host = host, .status = status};
	WireOut		opset = {.host = host, .status = status};
	WireOut		entry = {.host = host, .status = status};
	bool		done;

	if (pass == NULL)
		return false;
	pass->definition = definition;
	pass->status = status;
	pass->graph = (WireOut) {.host = host, .status = status};
	pass->shape[0] = (Shape) {definition->channels, definition->height, definition->width, false};
	status->code = STATUS_OK;
	write_index(pass);
	done = put_layers(pass);
	if (!done && status->code == STATUS_OK)
		status_set(status, STATUS_ARGUMENT, NULL, "Layer %d needs more weights than there are.", pass->layer);
	out_number(&file, 1, 8);
	out_text(&file, 2, "siamese");
	done = done && !pass->graph.failed;
	if (done)
		out_message(&file, 7, &pass->graph);
	else
		out_free(&pass->graph);
	out_number(&opset, 2, 17);
	out_message(&file, 8, &opset);
	out_text(&entry, 1, "siamese.input");
	out_text(&entry, 2, definition->preparation);
	out_message(&file, 14, &entry);
	done = done && !file.failed;
	host_release(host, pass);
	if (!done)
	{
		out_free(&file);
		return false;
	}
	*bytes = file.start;
	*length = file.length;
	return true;
}
