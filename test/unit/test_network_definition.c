/*
 * test_network_definition.c: what definitions may say, and that what is wrong is refused, with its place named and
 * without large allocations.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "network/loss_internal.h"
#include "network/optimizer_internal.h"
#include "network_help.h"
#include "presets.h"

#define INPUT "'input':{'width':8,'height':6}"
#define ONE(layer) "{" INPUT ",'layers':[" layer ",{'type':'dense','units':3}]}"
#define CONV "{'type':'conv','maps':4,'kernel':3}"
#define WITH(setting) "{" INPUT ",'layers':[" CONV "]," setting "}"

typedef struct Refusal
{
	const char *text;
	const char *detail;			/* begins so */
	const char *hint;			/* has this in it */
} Refusal;

static const Refusal refusals[] = {
	/* missing and unknown */
	{"{}", "The definition has no layers.", "dense"},
	{"{" INPUT "}", "The definition has no layers.", ""},
	{"{" INPUT ",'layers':[]}", "The definition has no layers.", ""},
	{"{'layers':[" CONV "]}", "Input: \"width\" is missing.", "width"},
	{"{'input':{},'layers':[" CONV "]}", "Input: \"width\" is missing.", ""},
	{"{'input':{'width':5},'layers':[" CONV "]}", "Input: \"height\" is missing.", ""},
	{ONE("{'units':3}"), "Layer 1: \"type\" is missing.", ""},
	{ONE("{}"), "Layer 1: \"type\" is missing.", ""},
	{ONE("{'type':'convolution'}"), "Layer 1: type \"convolution\" is unknown.", "conv, dense, max_pool"},
	{ONE("{'type':'join'}"), "Layer 1: type \"join\" is unknown.", ""},
	{ONE("{'type':3}"), "Layer 1: \"type\" must be a text.", ""},
	{ONE("7"), "Layer 1: \"type\" is missing.", ""},
	{ONE(CONV ",{'type':'conv','maps':4,'kernle':3}"), "Layer 2 (\"conv\"): setting \"kernle\" is unknown.",
		"type, name, input, maps, kernel"},
	{WITH("'losss':{'type':'triplet'}"), "Setting \"losss.type\" is unknown.", "input, layers, join, loss"},
	{WITH("'loss':{'margine':1}"), "Loss: setting \"margine\" is unknown.", "margin"},
	{WITH("'optimizer':{'lr':1}"), "Optimizer: setting \"lr\" is unknown.", "rate"},
	{WITH("'training':{'distortion':{'twist':1}}"), "Training: setting \"distortion.twist\" is unknown.",
		"distortion.rotation"},
	{WITH("'training':{'distort':{}}"), "Training: setting \"distort\" is unknown.", "classes"},
	{"{'input':{'width':8,'height':6,'depth':3},'layers':[" CONV "]}", "Input: setting \"depth\" is unknown.", "polarity"},
	{ONE("{'type':'relu','rate':1}"), "Layer 1 (\"relu\"): setting \"rate\" is unknown.", "Known here: type, name, input."},
	{ONE("{'type':'conv','maps':4,'kernel':[3,3,3]}"), "Layer 1 (\"conv\"): setting \"kernel[2]\" is unknown.", ""},

	/* wrong types */
	{ONE("{'type':'conv','maps':'four','kernel':3}"), "Layer 1 (\"conv\"): \"maps\" must be a number.", ""},
	{ONE("{'type':'conv','maps':true,'kernel':3}"), "Layer 1 (\"conv\"): \"maps\" must be a number.", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'bias':1}"), "Layer 1 (\"conv\"): \"bias\" must be true or false.", ""},
	{ONE("{'type':'conv','maps':4.5,'kernel':3}"), "Layer 1 (\"conv\"): \"maps\" is 4.5 but must be a whole number.", ""},
	{WITH("'join':3"), "Definition: \"join\" must be a text.", ""},
	{WITH("'join':'l3'"), "Definition: \"l3\" is unknown for \"join\".", "l2, l1, weighted_l1, cosine"},
	{WITH("'loss':'triplet'"), "Loss must be an object.", ""},
	{"{'input':3,'layers':[" CONV "]}", "Input must be an object.", ""},
	{WITH("'optimizer':{'type':'lion'}"), "Optimizer: \"lion\" is unknown for \"type\".", "sgd, rmsprop, adam, adamw"},

	/* zero, negative, absurd */
	{ONE("{'type':'conv','maps':0,'kernel':3}"), "Layer 1 (\"conv\"): \"maps\" is 0 but must be from 1 to 8192.", ""},
	{ONE("{'type':'conv','maps':-4,'kernel':3}"), "Layer 1 (\"conv\"): \"maps\" is -4", ""},
	{ONE("{'type':'conv','maps':1e300,'kernel':3}"), "Layer 1 (\"conv\"): \"maps\" is 1e+300", ""},
	{ONE("{'type':'conv','maps':nan,'kernel':3}"), "Layer 1 (\"conv\"): \"maps\" is nan", ""},
	{ONE("{'type':'conv','maps':4,'kernel':0}"), "Layer 1 (\"conv\"): \"kernel\" is 0", ""},
	{ONE("{'type':'conv','maps':4,'kernel':[3,-1]}"), "Layer 1 (\"conv\"): \"kernel[1]\" is -1", ""},
	{ONE("{'type':'conv','maps':4,'kernel':[3]}"), "Layer 1 (\"conv\"): \"kernel\" is missing.", ""},
	{ONE("{'type':'conv','kernel':3}"), "Layer 1 (\"conv\"): \"maps\" is missing.", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'stride':0}"), "Layer 1 (\"conv\"): \"stride\" is 0", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'padding':-1}"), "Layer 1 (\"conv\"): \"padding\" is -1", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'padding':3}"), "Layer 1 (\"conv\"): padding 3 is not less", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'padding':[1,1,1]}"), "Layer 1 (\"conv\"): \"padding\" has 3 numbers.", "[top, left"},
	{ONE("{'type':'conv','maps':4,'kernel':3,'padding':[1,1,1,1,1]}"), "Layer 1 (\"conv\"): setting \"padding[4]\" is unknown.", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'padding':[0,0,0,3]}"), "Layer 1 (\"conv\"): padding 3 is not less", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'padding':[0,-1,0,0]}"), "Layer 1 (\"conv\"): \"padding[1]\" is -1", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'dilation':0}"), "Layer 1 (\"conv\"): \"dilation\" is 0", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'dilation':4}"),
		"Layer 1 (\"conv\"): a window of 9 x 9 is larger than the map of 6 x 8.", ""},
	{ONE(CONV ",{'type':'max_pool','padding':2}"), "Layer 2 (\"max_pool\"): padding 2 is not less", ""},
	{ONE(CONV ",{'type':'max_pool','padding':2,'dilation':5}"), "Layer 2 (\"max_pool\"): dilation 5 is larger than the map of 4 x 6.", ""},
	{ONE(CONV ",{'type':'max_pool','size':3,'dilation':3}"), "Layer 2 (\"max_pool\"): a window of 7 x 7 is larger than the map of 4 x 6.", ""},
	{ONE(CONV ",{'type':'max_pool','count_padding':true}"), "Layer 2 (\"max_pool\"): setting \"count_padding\" is unknown.", "ceil"},
	{ONE(CONV ",{'type':'mean_pool','ceil':1}"), "Layer 2 (\"mean_pool\"): \"ceil\" must be true or false.", ""},
	{ONE(CONV ",{'type':'adaptive_mean_pool'}"), "Layer 2 (\"adaptive_mean_pool\"): \"size\" is missing", ""},
	{ONE(CONV ",{'type':'adaptive_mean_pool','size':0}"), "Layer 2 (\"adaptive_mean_pool\"): \"size\" is 0", ""},
	{ONE("{'type':'dense','units':4},{'type':'instance_norm'}"), "Layer 2 (\"instance_norm\"): its input is one pixel", "before"},
	{ONE(CONV ",{'type':'instance_norm','epsilon':0}"), "Layer 2 (\"instance_norm\"): \"epsilon\" is 0", ""},
	{ONE("{'type':'dense'}"), "Layer 1 (\"dense\"): \"units\" is missing.", ""},
	{ONE("{'type':'dense','units':99999999999}"), "Layer 1 (\"dense\"): \"units\" is 1e+11", ""},
	{ONE("{'type':'dropout','rate':1}"), "Layer 1 (\"dropout\"): \"rate\" is 1", ""},
	{ONE(CONV ",{'type':'leaky_relu','slope':-0.1}"), "Layer 2 (\"leaky_relu\"): \"slope\" is -0.1 but must be from 0 to 1000.", ""},
	{ONE(CONV ",{'type':'clip','low':6}"), "Layer 2 (\"clip\"): \"low\" is 6, which is not below \"high\", 6.", ""},
	{ONE(CONV ",{'type':'clip','high':nan}"), "Layer 2 (\"clip\"): \"high\" is nan", ""},
	{ONE(CONV ",{'type':'hard_sigmoid','slope':1e4}"), "Layer 2 (\"hard_sigmoid\"): \"slope\" is 10000", ""},
	{ONE(CONV ",{'type':'hard_swish','slope':1}"), "Layer 2 (\"hard_swish\"): setting \"slope\" is unknown.", ""},
	{ONE(CONV ",{'type':'elu','alpha':-1}"), "Layer 2 (\"elu\"): \"alpha\" is -1", ""},
	{ONE(CONV ",{'type':'elu','gamma':1}"), "Layer 2 (\"elu\"): setting \"gamma\" is unknown.", "alpha"},
	{ONE(CONV ",{'type':'selu','gamma':0}"), "Layer 2 (\"selu\"): \"gamma\" is 0", ""},
	{ONE("{'type':'attention_pool','heads':0}"), "Layer 1 (\"attention_pool\"): \"heads\" is 0 but must be from 1 to 256.", ""},
	{"{'input':{'width':0,'height':6},'layers':[" CONV "]}", "Input: \"width\" is 0 but must be from 1 to 1024.", ""},
	{"{'input':{'width':100000,'height':6},'layers':[" CONV "]}", "Input: \"width\" is 100000", ""},
	{"{'input':{'width':8,'height':6,'deviation':0},'layers':[" CONV "]}", "Input: \"deviation\" is 0", ""},
	{WITH("'loss':{'temperature':0}"), "Loss: \"temperature\" is 0", ""},
	{WITH("'loss':{'rate_factor':-1}"), "Loss: \"rate_factor\" is -1", ""},
	{ONE("{'type':'dense','units':4,'rate_factor':nan}"), "Layer 1 (\"dense\"): \"rate_factor\" is nan", ""},
	{WITH("'optimizer':{'momentum':1}"), "Optimizer: \"momentum\" is 1", ""},
	{WITH("'training':{'held_out':1}"), "Training: \"held_out\" is 1", ""},
	{WITH("'training':{'samples':4,'self_forgeries':3}"), "Training: \"self_forgeries\" is 3 but must be at most 2", "genuine"},
	{WITH("'training':{'classes':60000,'samples':60000}"), "Training: 60000 classes times 60000 samples", ""},

	/* what does not fit together */
	{ONE(CONV ",{'type':'max_pool','size':5}"), "Layer 2 (\"max_pool\"): a window of 5 x 5 is larger than the map of 4 x 6.", ""},
	{ONE("{'type':'conv','maps':4,'kernel':7}"), "Layer 1 (\"conv\"): a window of 7 x 7 is larger than the map of 6 x 8.", ""},
	{ONE("{'type':'conv','maps':4,'kernel':3,'groups':3}"), "Layer 1 (\"conv\"): 3 groups do not divide", ""},
	{ONE(CONV "," CONV ",{'type':'add','from':1}"),
		"Layer 3 (\"add\"): its input is 2 x 4 x 4, but layer 1 gives 4 x 6 x 4.", "1 x 1 with as many channels"},
	{ONE(CONV ",{'type':'add','from':2}"), "Layer 2 (\"add\"): \"from\" is 2, which is no earlier layer.", ""},
	{ONE(CONV ",{'type':'add','from':0}"),
		"Layer 2 (\"add\"): its input is 4 x 6 x 4, but the network's input gives 6 x 8 x 1.", ""},
	{ONE(CONV ",{'type':'add','from':-1}"), "Layer 2 (\"add\"): \"from\" is -1 but must be from 0", ""},
	{ONE(CONV ",{'type':'add','from':[1]}"), "Layer 2 (\"add\"): setting \"from[0]\" is unknown.", "type, name, input, from"},
	{ONE(CONV ",{'type':'add','from':'x'}"), "Layer 2 (\"add\"): no earlier layer has the name \"x\".", ""},
	{ONE(CONV ",{'type':'add'}"), "Layer 2 (\"add\"): \"from\" is missing.", ""},
	{ONE(CONV ",{'type':'multiply'}"), "Layer 2 (\"multiply\"): \"from\" is missing.", ""},
	{ONE(CONV ",{'type':'multiply','from':3}"), "Layer 2 (\"multiply\"): \"from\" is 3, which is no earlier layer.", ""},
	/* 1 x 1, but of other channels */
	{ONE(CONV ",{'type':'global_mean'},{'type':'dense','units':3},{'type':'multiply','from':1}"),
		"Layer 4 (\"multiply\"): its input is 1 x 1 x 3, but layer 1 gives 4 x 6 x 4.", "1 x 1 with as many channels"},
	{ONE(CONV ",{'type':'concat'}"), "Layer 2 (\"concat\"): \"from\" is missing.", ""},
	{ONE(CONV ",{'type':'concat','from':[]}"), "Layer 2 (\"concat\"): \"from\" is missing.", ""},
	{ONE(CONV ",{'type':'concat','from':[null,1]}"), "Layer 2 (\"concat\"): \"from\" is missing.", ""},
	{ONE(CONV ",{'type':'concat','from':[1,'x']}"), "Layer 2 (\"concat\"): no earlier layer has the name \"x\".", ""},
	{ONE(CONV ",{'type':'concat','from':[1,true]}"), "Layer 2 (\"concat\"): \"from[1]\" must be a number.", ""},
	{ONE(CONV ",{'type':'concat','from':[1,1,1,1,1,1,1,1,1]}"), "Layer 2 (\"concat\"): \"from\" has more than 8 elements.", ""},
	{ONE(CONV ",{'type':'concat','from':0}"),
		"Layer 2 (\"concat\"): its input is 4 x 6 x 4, but the network's input gives 6 x 8 x 1.", "same height and width"},

	/* which layer reads which */
	{ONE(CONV ",{'type':'relu','input':2}"), "Layer 2 (\"relu\"): \"input\" is 2, which is no earlier layer.", ""},
	{ONE(CONV ",{'type':'relu','input':-1}"), "Layer 2 (\"relu\"): \"input\" is -1 but must be from 0", ""},
	{ONE(CONV ",{'type':'relu','input':1.5}"), "Layer 2 (\"relu\"): \"input\" is 1.5 but must be a whole number.", ""},
	{ONE(CONV ",{'type':'relu','input':true}"), "Layer 2 (\"relu\"): \"input\" must be a number.", ""},
	{ONE(CONV ",{'type':'relu','input':''}"), "Layer 2 (\"relu\"): \"input\" must have 1 to 31 bytes.", ""},
	{ONE(CONV ",{'type':'relu','input':[1]}"), "Layer 2 (\"relu\"): setting \"input[0]\" is unknown.", ""},
	{ONE(CONV ",{'type':'relu','input':'later'},{'type':'relu','name':'later'}"),
		"Layer 2 (\"relu\"): no earlier layer has the name \"later\".", ""},
	{ONE(CONV "," CONV ",{'type':'relu','input':1}"), "Layer 2 (\"conv\"): no layer reads its output.", "unless its \"input\""},
	{"{" INPUT ",'layers':[" CONV ",{'type':'dense','units':3,'input':0}],'join':'weighted_l1'}",
		"Layer 1 (\"conv\"): no layer reads its output.", ""},
	{ONE(CONV ",{'type':'max_pool','size':5,'input':0},{'type':'max_pool','size':5}"),
		"Layer 3 (\"max_pool\"): a window of 5 x 5 is larger than the map of 1 x 1.", ""},

	/* not across a pair */
	{"{" INPUT ",'layers':[" CONV ",{'type':'relu'},{'type':'pair','input':1},{'type':'dense','units':1}]}",
		"Layer 3 (\"pair\"): it takes the outputs of the layer before it, and no others.", "out"},
	{"{" INPUT ",'layers':[" CONV ",{'type':'pair'},{'type':'relu'},{'type':'dense','units':1,'input':1}]}",
		"Layer 4 (\"dense\"): it stands after the pair and reads layer 1, which does not.", ""},
	{"{" INPUT ",'layers':[" CONV ",{'type':'pair'},{'type':'dense','units':1,'input':0}]}",
		"Layer 3 (\"dense\"): \"input\" is 0, the network's input, but the layer stands after the pair.", ""},
	{"{" INPUT ",'layers':[" CONV ",{'type':'pair'},{'type':'concat','from':[2,1]},{'type':'dense','units':1}]}",
		"Layer 3 (\"concat\"): it stands after the pair and reads layer 1, which does not.", ""},
	{"{'input':{'width':8,'height':6,'crop':'ink'},'layers':[" CONV "]}", "Input: \"crop\" needs a polarity", "auto"},
	{"{'input':{'width':8,'height':6,'colour':'lab'},'layers':[" CONV "]}", "Input: \"lab\" is unknown for \"colour\".",
		"grey, colour, luv"},
	{"{'input':{'width':8,'height':6,'colour':'luv','polarity':'auto'},'layers':[" CONV "]}",
		"Input: the colour \"luv\" is that of photographs", "none"},
	{WITH("'training':{'distortion':{'hue':3}}"), "Training: \"distortion.hue\" is for colours, not for grey images.", ""},
	{WITH("'training':{'shared_distortion':{'saturation':0.3}}"), "Training: \"shared_distortion.saturation\" is for colours", ""},
	{WITH("'training':{'distortion':{'blur':9}}"), "Training: \"distortion.blur\" is 9 but must be from 0 to 8.", ""},
	{"{'input':{'kind':'pen','features':['x']},'layers':[{'type':'dense','units':4}],'training':{'distortion':{'flip':1}}}",
		"Training: \"distortion.flip\" is for images, not for pens.", ""},
	{WITH("'join':'l2','loss':{'type':'supervised_contrastive'}"),
		"Loss: \"supervised_contrastive\" compares directions, the join \"l2\" does not.", "cosine"},
	{"{" INPUT ",'layers':[{'type':'relu'}]}", "The network has no parameters to learn.", ""},

	/* too much */
	{"{'input':{'width':1024,'height':1024},'layers':[{'type':'dense','units':2048}]}",
		"Layer 1 (\"dense\"): up to here the network has 2147485696 parameters, more than 268435456.", ""},
	{"{'input':{'width':64,'height':64},'layers':[{'type':'conv','maps':8192,'kernel':1},"
	"{'type':'conv','maps':8192,'kernel':64}]}", "Layer 2 (\"conv\"): up to here the network has 274877931520 parameters", ""},
	{"{'input':{'width':1024,'height':1024},'layers':[{'type':'conv','maps':8192,'kernel':1}]}",
		"Layer 1 (\"conv\"): its output of 1024 x 1024 x 8192 has more than 67108864 values.", ""},
	{"{'input':{'width':200,'height':200},'layers':[{'type':'conv','maps':1,'kernel':1}]}",
		"Layer 1 (\"conv\"): the embedding would have 40000 dimensions, more than 16000.", "dense"}
};

static void
test_refusals(void **state)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
	{
		Status		status;

		help_refused(refusals[i].text, &status);
		assert_int_equal(status.code, STATUS_DEFINITION);
		if (strncmp(status.detail, refusals[i].detail, strlen(refusals[i].detail)) != 0)
			fail_msg("%s\ngave     %s\nexpected %s", refusals[i].text, status.detail, refusals[i].detail);
		if (strstr(status.hint, refusals[i].hint) == NULL)
			fail_msg("%s\ngave the hint %s\nwithout       %s", refusals[i].text, status.hint, refusals[i].hint);
		assert_int_equal(test_host_outstanding(), 0);
		assert_true(test_host_peak() < 10000);
	}
}

/* Paths that no JSON has, but a caller might hand over. */
static void
test_paths(void **state)
{
	static const char *const paths[] = {
		"", "layers", "layers[", "layers[]", "layers[x].type", "layers[-1].type", "layers[1", "layers[0]x", "layers[0]..type",
		"layers[4294967296].type", "layers[256].type", "layers[99999999999999999999].type", "inputs.width", "input.",
		"loss..type", "join.x", "training.distortion", "layers[0].initial"
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		NetworkSetting settings[] = {
			{"input.width", SETTING_NUMBER, 5, NULL}, {"input.height", SETTING_NUMBER, 5, NULL},
			{"layers[0].type", SETTING_TEXT, 0, "dense"}, {"layers[0].units", SETTING_NUMBER, 5, NULL},
			{paths[i], SETTING_NUMBER, 5, NULL}
		};
		Status		status;

		assert_null(network_define(settings, 5, test_host(), &status));
		assert_int_equal(status.code, STATUS_DEFINITION);
		assert_int_equal(test_host_outstanding(), 0);
	}
}

static void
test_too_many(void **state)
{
	NetworkSetting *settings = calloc(9000, sizeof(*settings));
	Status		status;

	for (int i = 0; i < 9000; i++)
		settings[i] = (NetworkSetting) {"join", SETTING_TEXT, 0, "l2"};
	assert_null(network_define(settings, 9000, test_host(), &status));
	assert_int_equal(status.code, STATUS_DEFINITION);
	free(settings);
}

/* All that is not given has a value. */
static void
test_defaults(void **state)
{
	NetworkDefinition *definition = help_define("{" INPUT ",'layers':[{'type':'dense','units':4}]}");

	assert_string_equal(definition->join->name, "l2");
	assert_int_equal(definition->metric, METRIC_L2);
	assert_string_equal(definition->loss.type->name, "contrastive");
	assert_string_equal(definition->optimizer.type->name, "adam");
	assert_true(definition->optimizer.rate == 1e-3);
	assert_true(definition->optimizer.momentum == 0.9);
	assert_true(definition->optimizer.second_momentum == 0.999);
	assert_true(definition->deviation[0] == 1 && definition->deviation[2] == 1);
	assert_int_equal(definition->image.channels, 1);
	assert_int_equal(definition->training.samples, 4);
	host_release(test_host(), definition);
}

static void
test_all_settings(void **state)
{
	NetworkDefinition *definition = help_define(
		"{'input':{'kind':'image','width':9,'height':7,'colour':'colour','polarity':'dark','background':'remove',"
		"'crop':'ink','centre':true,'fit':'stretch','margin':0.1,'normalise':true,'mean':0.5,'deviation':0.25},"
		"'layers':[" CONV ",{'type':'dense','units':4,'name':'last'}],'join':'weighted_l1',"
		"'loss':{'type':'triplet','margin':2,'temperature':0.2,'genuine_target':0.9,'forged_target':-0.8,"
		"'forgery_weight':3},"
		"'optimizer':{'type':'rmsprop','rate':0.01,'momentum':0.5,'second_momentum':0.9,'weight_decay':0.1,'clip':2,"
		"'warmup':7,'schedule':'exponential','decay':0.99,'average':0.9},"
		"'training':{'classes':5,'samples':6,'epochs':7,'epoch_samples':8,'turns':true,'held_out':0.25,"
		"'distortion':{'probability':0.5,'rotation':1,'scale':0.2,'shear':0.3,'shift':0.4,'warp':0.5,'contrast':0.6,"
		"'noise':0.7,'brightness':0.1,'gamma':0.2,'saturation':0.3,'hue':4,'blur':5,'flip':0.6},"
		"'shared_distortion':{'brightness':0.2,'gamma':0.3,'saturation':0.4,'hue':5}}}");

	assert_int_equal(definition->image.width, 9);
	assert_int_equal(definition->image.height, 7);
	assert_int_equal(definition->image.channels, 3);
	assert_int_equal(definition->image.polarity, IMAGE_POLARITY_DARK);
	assert_true(definition->image.remove_background && definition->image.crop && definition->image.centre);
	assert_int_equal(definition->image.fit, IMAGE_FIT_STRETCH);
	assert_true(definition->image.margin == 0.1 && definition->image.normalise);
	assert_true(definition->mean[0] == 0.5 && definition->mean[2] == 0.5 && definition->deviation[1] == 0.25);
	assert_int_equal(definition->layer_count, 3);
	assert_int_equal(definition->metric, METRIC_L1);
	assert_string_equal(definition->loss.type->name, "triplet");
	assert_true(definition->loss.margin == 2 && definition->loss.temperature == 0.2);
	assert_true(definition->loss.genuine_target == 0.9 && definition->loss.forged_target == -0.8);
	assert_true(definition->loss.forgery_weight == 3);
	assert_string_equal(definition->optimizer.type->name, "rmsprop");
	assert_true(definition->optimizer.rate == 0.01 && definition->optimizer.momentum == 0.5);
	assert_true(definition->optimizer.second_momentum == 0.9 && definition->optimizer.weight_decay == 0.1);
	assert_true(definition->optimizer.clip == 2 && definition->optimizer.warmup == 7);
	assert_int_equal(definition->optimizer.schedule, SCHEDULE_EXPONENTIAL);
	assert_true(definition->optimizer.decay == 0.99 && definition->optimizer.average == 0.9);
	assert_int_equal(definition->training.classes, 5);
	assert_int_equal(definition->training.samples, 6);
	assert_int_equal(definition->training.epochs, 7);
	assert_int_equal(definition->training.epoch_samples, 8);
	assert_true(definition->training.turns && definition->training.held_out == 0.25);
	assert_true(definition->training.distortion.probability == 0.5 && definition->training.distortion.rotation == 1);
	assert_true(definition->training.distortion.scale == 0.2 && definition->training.distortion.shear == 0.3);
	assert_true(definition->training.distortion.shift == 0.4 && definition->training.distortion.warp == 0.5);
	assert_true(definition->training.distortion.contrast == 0.6 && definition->training.distortion.noise == 0.7);
	assert_true(definition->training.distortion.brightness == 0.1 && definition->training.distortion.gamma == 0.2);
	assert_true(definition->training.distortion.saturation == 0.3 && definition->training.distortion.hue == 4);
	assert_true(definition->training.distortion.blur == 5 && definition->training.distortion.flip == 0.6);
	assert_true(definition->training.shared_distortion.brightness == 0.2 && definition->training.shared_distortion.gamma == 0.3);
	assert_true(definition->training.shared_distortion.saturation == 0.4 && definition->training.shared_distortion.hue == 5);
	host_release(test_host(), definition);
	assert_int_equal(test_host_outstanding(), 0);
}

/* The order of the settings does not matter. */
static void
test_order(void **state)
{
	enum {COUNT = sizeof(compact_settings) / sizeof(compact_settings[0])};
	NetworkSetting turned[COUNT];
	Status		status;
	NetworkDefinition *one = network_define(compact_settings, COUNT, test_host(), &status);
	NetworkDefinition *other;
	Network    *first;
	Network    *second;
	char		line[128],
				line2[128];

	for (int i = 0; i < COUNT; i++)
		turned[i] = compact_settings[COUNT - 1 - i];
	other = network_define(turned, COUNT, test_host(), &status);
	assert_non_null(one);
	assert_non_null(other);
	assert_memory_equal(&one->loss, &other->loss, sizeof(one->loss));
	first = network_create(one, test_host(), &status);
	second = network_create(other, test_host(), &status);
	for (int i = 0; network_describe_layer(first, i, line, sizeof(line)); i++)
	{
		assert_true(network_describe_layer(second, i, line2, sizeof(line2)));
		assert_string_equal(line, line2);
	}
	assert_false(network_describe_layer(first, -1, line, sizeof(line)));
	network_destroy(first);
	network_destroy(second);
	host_release(test_host(), one);
	host_release(test_host(), other);
}

static void
test_raster(void **state)
{
	NetworkDefinition *definition = help_define("{'input':{'width':2,'height':2,'mean':0.5,'deviation':0.25},"
												"'layers':[{'type':'dense','units':4}]}");
	const uint8_t raster[] = {0, 255, 51, 102};
	const double expected[] = {-2, 2, -1.2, -0.4};
	real		input[4];

	network_input_from_raster(definition, raster, input);
	for (int i = 0; i < 4; i++)
		assert_true(fabs(input[i] - expected[i]) < 1e-6);
	host_release(test_host(), definition);
}

/* A mean and a deviation for each colour, in all that is made of a raster. */
static void
test_colours(void **state)
{
	NetworkDefinition *definition = help_define("{'input':{'width':2,'height':1,'colour':'colour','mean':[0.5,0.25,0],"
												"'deviation':[0.25,0.5,1]},'layers':[{'type':'dense','units':4}]}");
	const uint8_t raster[] = {0, 255, 51, 255, 51, 102};
	const double expected[] = {-2, 1.5, 0.2, 2, -0.1, 0.4};
	Random		random = random_stream(1, 1);
	real		input[6];

	network_input_from_raster(definition, raster, input);
	for (int i = 0; i < 6; i++)
		assert_true(fabs(input[i] - expected[i]) < 1e-6);
	network_input_distorted(definition, raster, &(NetworkCopy) {0}, &random, input);
	for (int i = 0; i < 6; i++)
		assert_true(fabs(input[i] - expected[i]) < 1e-5);
	host_release(test_host(), definition);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_settings),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_raster),
		cmocka_unit_test(test_colours)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
