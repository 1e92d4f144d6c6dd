/*
 * settings.h: the settings; defined in siamese.c, read by the server rooms.
 */
#ifndef SIAMESE_SETTINGS_H
#define SIAMESE_SETTINGS_H

extern char *setting_model;		/* siamese.model: the model that embed() uses when none is named */
extern int	setting_max_pixels; /* siamese.max_pixels: of an image, refused before decoding */
extern bool setting_share_weights;	/* siamese.share_weights */
extern int	setting_training_threads;	/* siamese.training_threads */
extern double setting_prior;	/* siamese.prior: share of genuine pairs that verify() assumes, between 0 and 1 */
extern int	setting_probes;		/* siamese.probes: regions that an ordered index scan visits; 0: all that may hold an answer */
extern double setting_target_recall;	/* siamese.target_recall: 1: exact */

#endif
